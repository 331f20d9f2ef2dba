// The kind and the id of a text that is not decoded yet: serve() and request() tell by them what a message
// belongs to. The text need not be a valid message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "../reading/json_reader.hpp"
#include "../text/member_walk.hpp"
#include "../text/scanner.hpp"
#include "../text/strings.hpp"

namespace kindwire {

/// What tells messages apart before they are decoded.
class message_head {
 public:
  /// Decoded; empty without one. A view into the text, or into this if the text has escapes.
  std::string_view kind() const noexcept { return unescaped_.empty() ? kind_ : unescaped_; }
  /// A number or a string as it stands in the text, of which this is a view; empty without one, or with two.
  std::string_view id() const noexcept { return id_; }

 private:
  friend message_head read_head(std::string_view, std::string_view, std::string_view, duplicate_policy);

  std::string_view kind_;
  std::string_view id_;
  std::string unescaped_;
};

namespace detail {

// Whether the text may have a member of this name, plain or with escapes. In a long text, finding out takes
// as long as reading it.
inline bool may_have_member(std::string_view text, std::string_view name) noexcept {
  if (text.size() > 256 || text.find('\\') != text.npos) return true;
  for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    std::string_view const behind = text.substr(at + name.size());
    if (at != 0 && text[at - 1] == '"' && behind.starts_with('"')) return true;
  }
  return false;
}

}  // namespace detail

/// Looks for the members `key` and `id_name` of a message. A kind that is not a string does not count, nor
/// does an id that is neither a string nor a number. Of several ids none counts, unless `duplicates` chooses
/// one. Of several kinds the first counts, unless it chooses the last: refusing them is left to the decoder.
///
/// The text is read only until both are known, unless the last one counts. An empty `id_name` is not looked
/// for. A text that is not JSON up to there has an empty head. Nothing is allocated unless the text has
/// escapes.
inline message_head read_head(std::string_view text, std::string_view key, std::string_view id_name,
                              duplicate_policy duplicates = duplicate_policy::refuse) {
  detail::json_scanner scanner{text, json_depth_limit};  // the decoder has its own limit
  message_head head;
  bool has_id = false;
  int looked_behind = 0;
  scanner.skip_space();
  if (!scanner.enter('{', {})) return {};
  detail::member_walk member{scanner};
  for (;;) {
    bool const known = !head.kind_.empty() && (has_id || id_name.empty());
    if (known && duplicates == duplicate_policy::first) break;
    if (known && id_name.empty() && duplicates != duplicate_policy::last) break;
    // Each time more is known, see whether an id can follow at all. If the last kind counts, it may follow,
    // too.
    int const parts = (head.kind_.empty() ? 0 : 1) + (known ? 1 : 0);
    if (parts > looked_behind && duplicates != duplicate_policy::last) {
      looked_behind = parts;
      auto const at = static_cast<std::size_t>(scanner.position() - text.data());
      if (!detail::may_have_member(text.substr(at), id_name)) break;
    }
    if (!member.next()) {
      if (member.failed() && !known) return {};
      break;
    }
    bool const is_kind = member.name() == key;
    bool const is_id = !is_kind && !id_name.empty() && member.name() == id_name;
    scanner.skip_space();
    char const* const begin = scanner.position();
    char const letter = scanner.peek();
    if (!scanner.skip_value()) return known ? head : message_head{};
    std::string_view const value{begin, static_cast<std::size_t>(scanner.position() - begin)};
    bool const last_counts = duplicates == duplicate_policy::last;
    if (is_kind && letter == '"' && (head.kind_.empty() || last_counts)) {
      head.kind_ = value.substr(1, value.size() - 2);
      head.unescaped_.clear();
      if (head.kind_.find('\\') != head.kind_.npos) {
        detail::unescape_string(begin, scanner.position(), &head.unescaped_);
      }
    } else if (is_id && has_id && duplicates == duplicate_policy::refuse) {
      head.id_ = {};
    } else if (is_id && (!has_id || last_counts)) {
      bool const fits = letter == '"' || letter == '-' || (letter >= '0' && letter <= '9');
      head.id_ = fits ? value : std::string_view{};
      has_id = true;
    }
  }
  return head;
}

namespace detail {

// Whether the value of a message's first member is this string. kindwire writes the kind first, so this tells
// the kind even if its key is not known.
inline bool first_member_is(std::string_view text, std::string_view kind) {
  json_scanner scanner{text, json_depth_limit};
  std::string_view value;
  scanner.skip_space();
  if (!scanner.enter('{', {}) || !member_walk{scanner}.next()) return false;
  scanner.skip_space();
  return scanner.peek() == '"' && scanner.string(value) && value == kind;
}

}  // namespace detail

}  // namespace kindwire
