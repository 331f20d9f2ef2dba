// JSON text into RapidJSON's documents, read by json_reader: checked and limited like everything else, with
// the same errors and none of the faults of RapidJSON's parsers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "../description/types.hpp"
#include "../error.hpp"
#include "../reader.hpp"
#include "../reading/value_walker.hpp"
#include "library.hpp"
#include "write.hpp"

namespace kindwire::detail {

/// Gives a document its parts, by its functions for RapidJSON's own parsers. Numbers get the types that those
/// give them.
template <class Document>
class document_parts {
 public:
  static constexpr std::uint64_t most_bytes = (std::numeric_limits<rapidjson::SizeType>::max)();

  explicit document_parts(Document& to) noexcept : to_(to) {}

  void null() { to_.Null(); }
  void boolean(bool value) { to_.Bool(value); }
  void negative(std::int64_t value) {
    if (value >= (std::numeric_limits<std::int32_t>::min)()) {
      to_.Int(static_cast<std::int32_t>(value));
    } else {
      to_.Int64(value);
    }
  }
  void whole(std::uint64_t value) {
    if (value <= (std::numeric_limits<std::uint32_t>::max)()) {
      to_.Uint(static_cast<std::uint32_t>(value));
    } else {
      to_.Uint64(value);
    }
  }
  void floating(double value) { to_.Double(value); }
  // Copied: a user reads them as C strings.
  void string(std::string_view text) { to_.String(text.data(), size_of(text.size()), true); }
  void name(std::string_view text) { to_.Key(text.data(), size_of(text.size()), true); }
  void begin_object() { to_.StartObject(); }
  void end_object(std::size_t members) { to_.EndObject(size_of(members)); }
  void begin_array() { to_.StartArray(); }
  void end_array(std::size_t elements) { to_.EndArray(size_of(elements)); }

 private:
  // The walker has checked that.
  static rapidjson::SizeType size_of(std::size_t size) noexcept {
    return static_cast<rapidjson::SizeType>(size);
  }

  Document& to_;
};

/// Of members with one name, keeps the first; with duplicate_policy::last, in its place the last one's value.
template <class Value, class Allocator>
void keep_one_of_each(Value& value, Allocator& allocator, bool last) {
  if (value.IsArray()) {
    for (auto* each = value.Begin(); each != value.End(); ++each) keep_one_of_each(*each, allocator, last);
    return;
  }
  if (!value.IsObject()) return;
  using member = typename Value::Member;
  std::vector<member*> by_name;
  // By index, as comparing these iterators is ambiguous in C++20.
  auto each = value.MemberBegin();
  for (auto left = value.MemberCount(); left != 0; --left, ++each) {
    keep_one_of_each(each->value, allocator, last);
    by_name.push_back(&*each);
  }
  std::sort(by_name.begin(), by_name.end(), [](member const* left, member const* right) {
    int const order = text_of(left->name).compare(text_of(right->name));
    return order != 0 ? order < 0 : left < right;
  });
  std::vector<member const*> others;
  for (std::size_t index = 0, next = 0; index != by_name.size(); index = next) {
    auto const same = [&] { return text_of(by_name[next]->name) == text_of(by_name[index]->name); };
    for (next = index + 1; next != by_name.size() && same(); ++next) {
      if (last) by_name[index]->value.Swap(by_name[next]->value);
      others.push_back(by_name[next]);
    }
  }
  if (others.empty()) return;
  std::sort(others.begin(), others.end());
  Value kept(rapidjson::kObjectType);
  auto other = others.begin();
  each = value.MemberBegin();
  for (auto left = value.MemberCount(); left != 0; --left, ++each) {
    if (other != others.end() && *other == &*each) {
      ++other;
    } else {
      kept.AddMember(each->name, each->value, allocator);
    }
  }
  value.Swap(kept);
}

/// Reads the next value into a document that is null.
template <class Document>
bool read_document(json_reader& reader, Document& to) {
  document_parts<Document> parts{to};
  value_walker<document_parts<Document>> walker{reader, parts};
  bool good = false;
  auto const generate = [&](Document&) { return good = walker.walk(); };
  to.Populate(generate);
  if (good && walker.has_duplicates()) {
    keep_one_of_each(static_cast<typename Document::ValueType&>(to), to.GetAllocator(),
                     walker.duplicates() == duplicate_policy::last);
  }
  return good;
}

}  // namespace kindwire::detail

namespace kindwire {

/// A rapidjson::Document holds any JSON, in a field or as a whole, as in `decode<rapidjson::Document>`. In
/// every object, a member that stands twice is refused or chosen as the json_options say. Integers of up to
/// 64 bits stay exact, other numbers are doubles; one that no double holds is an error.
template <class Allocator, class StackAllocator>
struct json_codec<rapidjson::GenericDocument<rapidjson::UTF8<>, Allocator, StackAllocator>> {
  using document = rapidjson::GenericDocument<rapidjson::UTF8<>, Allocator, StackAllocator>;

  static bool read(json_reader& reader, document& value) {
    // Until then the old value, and whatever shares its memory, stays where it is. A document that was moved
    // from has no memory of its own any more.
    document fresh;
    if (!detail::read_document(reader, fresh)) return false;
    value = std::move(fresh);
    return true;
  }

  static bool write(json_writer& writer, document const& value) {
    return detail::tree_writer<typename document::ValueType>{writer}.write(value);
  }
};

/// A rapidjson::Value can be written, in a field as well. Without memory of its own it cannot be read.
template <class Allocator>
struct json_codec<rapidjson::GenericValue<rapidjson::UTF8<>, Allocator>> {
  using value_type = rapidjson::GenericValue<rapidjson::UTF8<>, Allocator>;

  template <class Reader>
  static bool read(Reader&, value_type&) {
    static_assert(detail::always_false<Reader>,
                  "kindwire: a rapidjson::Value has no memory of its own to be read into: take a "
                  "rapidjson::Document");
    return false;
  }

  static bool write(json_writer& writer, value_type const& value) {
    return detail::tree_writer<value_type>{writer}.write(value);
  }
};

}  // namespace kindwire
