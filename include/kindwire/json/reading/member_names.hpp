// The names of members that a type does not have, kept to find duplicates.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../text/word.hpp"

namespace kindwire::detail {

/// The names in all objects that are being read, each inside the one before it. The first few of an object
/// are compared at once, without an allocation; if there are more, they are sorted when it ends, so that no
/// choice of names costs more than n log n. Views the text.
class member_names {
  struct decoded_name {
    char const* where;
    std::string text;
  };

  struct entry {
    std::uint64_t hash;
    std::size_t size;  // or `escaped`
    union {
      char const* in_text;
      decoded_name const* decoded;
    };
  };

  struct more_names {
    std::vector<entry> many;  // all of them, if they are more than a few
    std::forward_list<decoded_name> decoded;
  };

 public:
  static constexpr std::size_t few = 16;

  member_names() noexcept {}  // most readers have no such names: nothing is set to zero
  member_names(member_names const&) = delete;
  member_names& operator=(member_names const&) = delete;

  /// Adds a name of the innermost object, which has `before` names here. `where`: its quotation mark in the
  /// text, which it follows verbatim if `in_text`. False if it is a duplicate; among more than a few names,
  /// only leave() tells.
  bool add(std::string_view name, char const* where, bool in_text, std::size_t before) {
    entry fresh{hash_of(name), name.size(), {where + 1}};
    if (before <= few) {
      entry const* const last = entries() + count_;
      for (entry const* other = last - before; other != last; ++other) {
        if (other->hash == fresh.hash && text_of(*other) == name) return false;
      }
    }
    if (!in_text) {
      fresh.size = escaped;
      fresh.decoded = &more().decoded.emplace_front(decoded_name{where, std::string{name}});
    }
    if (count_ < few) {
      few_[count_] = fresh;
    } else {
      std::vector<entry>& many = more().many;
      if (count_ == few) many.assign(few_.begin(), few_.end());
      many.push_back(fresh);
    }
    ++count_;
    return true;
  }

  /// Removes the `count` names of the innermost object, which ends. Returns where the first duplicate stands;
  /// null if there is none.
  char const* leave(std::size_t count) {
    entry* const last = entries() + count_;
    char const* const again = count > few ? find_again(last - count, last) : nullptr;
    count_ -= count;
    if (more_ != nullptr) more_->many.resize((std::min)(more_->many.size(), count_));
    return again;
  }

  void clear() noexcept { count_ = 0; }

  /// The memory for many names, and for names with escapes. Another object may use it once this one stays
  /// empty.
  using memory = std::unique_ptr<more_names>;
  void swap_memory(memory& other) noexcept { more_.swap(other); }
  static void tidy(memory& kept) noexcept {
    constexpr std::size_t most = 1024;
    if (kept != nullptr && kept->many.capacity() > most) kept = nullptr;
    if (kept != nullptr) kept->decoded.clear();
  }

 private:
  static constexpr std::size_t escaped = static_cast<std::size_t>(-1);

  static std::string_view text_of(entry const& name) noexcept {
    return name.size == escaped ? std::string_view{name.decoded->text}
                                : std::string_view{name.in_text, name.size};
  }

  static char const* where(entry const& name) noexcept {
    return name.size == escaped ? name.decoded->where : name.in_text - 1;
  }

  // Decides most comparisons. A peer that finds collisions gains nothing but slower comparisons.
  static std::uint64_t hash_of(std::string_view name) noexcept {
    constexpr std::uint64_t factor = 0x9E3779B97F4A7C15;
    std::uint64_t hash = name.size();
    for (; name.size() >= 8; name.remove_prefix(8)) {
      hash = std::rotl((hash ^ load<std::uint64_t>(name.data())) * factor, 29);
    }
    for (char const letter : name) hash = std::rotl((hash ^ static_cast<unsigned char>(letter)) * factor, 29);
    return hash;
  }

  static char const* find_again(entry* first, entry* last) {
    std::sort(first, last, [](entry const& left, entry const& right) {
      if (left.hash != right.hash) return left.hash < right.hash;
      int const order = text_of(left).compare(text_of(right));
      return order != 0 ? order < 0 : where(left) < where(right);
    });
    char const* again = nullptr;
    for (entry const* name = first + 1; name < last; ++name) {
      if (name->hash != name[-1].hash || text_of(*name) != text_of(name[-1])) continue;
      if (again == nullptr || where(*name) < again) again = where(*name);
    }
    return again;
  }

  more_names& more() {
    if (more_ == nullptr) more_ = std::make_unique<more_names>();
    return *more_;
  }

  entry* entries() noexcept { return count_ <= few ? few_.data() : more_->many.data(); }

  std::size_t count_ = 0;
  std::unique_ptr<more_names> more_;
  std::array<entry, few> few_;
};

}  // namespace kindwire::detail
