// What a request's head may look like, RFC 9112 §2–§5, once more: line by line, from the whole text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kindwire/handshake/head.hpp>

namespace fuzz {

struct reference_head {
  std::string_view method, target;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  std::size_t size = 0;  // with an empty line before it
};

inline bool is_tchar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

inline bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_tchar);
}

// field-vchar and white space: no control character but the tab (RFC 9110 §5.5).
inline bool is_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 ? c != '\t' : c == 0x7F; });
}

// Nothing if `text` does not begin with a whole valid head within the limits.
inline std::optional<reference_head> read_request_head(std::string_view text,
                                                       kindwire::head_limits const& limits) {
  reference_head head;
  if (text.starts_with("\r\n")) {  // RFC 9112 §2.2: one empty line before it
    text.remove_prefix(2);
    head.size = 2;
  }
  std::size_t const end = text.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > limits.max_head) return std::nullopt;
  head.size += end + 4;
  text = text.substr(0, end + 2);

  bool first = true;
  while (!text.empty()) {
    std::size_t const line_end = text.find("\r\n");
    std::string_view const line = text.substr(0, line_end);
    text.remove_prefix(line_end + 2);
    if (line.size() > limits.max_line) return std::nullopt;
    if (first) {
      // method SP request-target SP HTTP-version
      first = false;
      std::size_t const method_end = line.find(' ');
      if (method_end == std::string_view::npos) return std::nullopt;
      head.method = line.substr(0, method_end);
      std::size_t const target_end = line.find(' ', method_end + 1);
      if (target_end == std::string_view::npos) return std::nullopt;
      head.target = line.substr(method_end + 1, target_end - method_end - 1);
      std::string_view const version = line.substr(target_end + 1);
      bool const good_version =
          version.size() == 8 && version.starts_with("HTTP/1.") && version[7] >= '0' && version[7] <= '9';
      if (!is_name(head.method) || head.target.empty() || !good_version) return std::nullopt;
      bool const letter = (head.target[0] | 0x20) >= 'a' && (head.target[0] | 0x20) <= 'z';
      if (head.target[0] != '/' && !letter) return std::nullopt;
      for (char const c : head.target) {
        if (c <= ' ' || c > '~' || c == '#') return std::nullopt;
      }
      continue;
    }
    // field-name ":" OWS field-value OWS
    std::size_t const colon = line.find(':');
    if (colon == std::string_view::npos || !is_name(line.substr(0, colon))) return std::nullopt;
    std::string_view value = line.substr(colon + 1);
    if (!is_text(value)) return std::nullopt;
    std::size_t const begin = std::min(value.find_first_not_of(" \t"), value.size());
    value.remove_prefix(begin);
    value = value.substr(0, value.find_last_not_of(" \t") + 1);
    head.fields.emplace_back(line.substr(0, colon), value);
  }
  if (head.fields.size() > limits.max_headers) return std::nullopt;
  return head;
}

}  // namespace fuzz
