// RapidJSON's values as JSON text, written by json_writer.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "../error.hpp"
#include "../text/number_text.hpp"
#include "../writer.hpp"
#include "library.hpp"

namespace kindwire::detail {

template <class Value>
class tree_writer {
 public:
  explicit tree_writer(json_writer& out) noexcept : out_(out) {}

  bool write(Value const& value) {
    switch (value.GetType()) {
      case rapidjson::kNullType: out_.put("null"); return true;
      case rapidjson::kFalseType: out_.put("false"); return true;
      case rapidjson::kTrueType: out_.put("true"); return true;
      case rapidjson::kObjectType: return write_object(value);
      case rapidjson::kArrayType: return write_array(value);
      case rapidjson::kStringType: return write_text(value);
      case rapidjson::kNumberType: break;
    }
    return write_number(value);
  }

  /// A message: its kind first, then the member after that, then its other members.
  bool write_message(Value const& value, kind_neighbour const& neighbour) {
    if (!value.IsObject()) return out_.fail_value(json_errc::wrong_type, "an object", "another value");
    auto const* const kind = detail::member_of(value, neighbour.key);
    if (kind == nullptr) return fail_kind(json_errc::missing_kind, neighbour.key);
    if (!kind->IsString()) {
      out_.fail_value(json_errc::wrong_type, "a string", {});
      return out_.fail_inside(neighbour.key);
    }
    if (!out_.enter()) return false;
    out_.put('{');
    if (!out_.write_string(neighbour.key)) return false;
    out_.put(':');
    if (!write_text(*kind)) return out_.fail_inside(neighbour.key);
    if (!neighbour.value.empty()) {
      out_.put(',');
      if (!out_.write_string(neighbour.name)) return false;
      out_.put(':');
      out_.put(neighbour.value);
    }
    for (auto each = value.MemberBegin(); each != value.MemberEnd(); ++each) {
      if (&each->value == kind) continue;
      if (text_of(each->name) == neighbour.key) return fail_kind(json_errc::duplicate_field, neighbour.key);
      out_.put(',');
      if (!write_member(each->name, each->value)) return false;
    }
    return out_.leave(',', '{', '}');
  }

 private:
  bool fail_kind(json_errc code, std::string_view key) {
    out_.fail(code);
    return out_.fail_inside(key);
  }

  bool write_text(Value const& text) { return out_.write_string(detail::text_of(text)); }

  // A double reads back as a double.
  bool write_number(Value const& value) {
    if (value.IsUint64()) return out_.write(value.GetUint64());
    if (value.IsInt64()) return out_.write(value.GetInt64());
    double const number = value.GetDouble();
    if (!std::isfinite(number)) return out_.fail(json_errc::not_finite);
    std::array<char, number_room + 2> text;
    char* end = detail::write_number(text.data(), number);
    std::string_view const written{text.data(), static_cast<std::size_t>(end - text.data())};
    if (written.find_first_of(".e") == written.npos) {
      *end++ = '.';
      *end++ = '0';
    }
    out_.put({text.data(), static_cast<std::size_t>(end - text.data())});
    return true;
  }

  bool write_array(Value const& value) {
    if (!out_.enter()) return false;
    char separator = '[';
    std::size_t index = 0;
    for (auto const* each = value.Begin(); each != value.End(); ++each) {
      out_.put(std::exchange(separator, ','));
      if (!write(*each)) return out_.fail_inside(std::to_string(index));
      ++index;
    }
    return out_.leave(separator, '[', ']');
  }

  bool write_object(Value const& value) {
    if (!out_.enter()) return false;
    char separator = '{';
    for (auto each = value.MemberBegin(); each != value.MemberEnd(); ++each) {
      out_.put(std::exchange(separator, ','));
      if (!write_member(each->name, each->value)) return false;
    }
    return out_.leave(separator, '{', '}');
  }

  bool write_member(Value const& name, Value const& value) {
    if (!write_text(name)) return out_.fail_inside(text_of(name));
    out_.put(':');
    return write(value) || out_.fail_inside(text_of(name));
  }

  json_writer& out_;
};

}  // namespace kindwire::detail
