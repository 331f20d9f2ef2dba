// The user and password of a URI, and what they become in a request: RFC 3986 §3.2.1, RFC 7617.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../message/utf8.hpp"
#include "base64.hpp"
#include "grammar.hpp"
#include "percent.hpp"

namespace kindwire::detail {

struct user_info {
  std::string user;
  std::string password;
};

// Percent-decoded. RFC 7617 §2 allows no control characters; what is not UTF-8 would be read in as many ways
// as there are servers.
inline std::optional<std::string> decode_user_info(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    bool const plain = is_letter(c) || is_digit(c) ||
                       (c != '\0' && std::string_view{"-._~!$&'()*+,;=:%"}.find(c) != std::string_view::npos);
    if (!plain) return std::nullopt;
  }
  std::optional<std::string> decoded = percent_decode(text);
  if (!decoded || !is_utf8(std::string_view{*decoded})) return std::nullopt;
  for (char const c : *decoded) {
    if (auto const byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7F) return std::nullopt;
  }
  return decoded;
}

// `user:password` or `user`, as before the `@` of a URI.
inline std::optional<user_info> parse_user_info(std::string_view text) {
  std::size_t const colon = text.find(':');
  std::string_view const password =
      colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  auto user = decode_user_info(text.substr(0, colon));
  auto secret = decode_user_info(password);
  if (!user || !secret) return std::nullopt;
  return user_info{*std::move(user), *std::move(secret)};
}

// The value of Authorization, or of Proxy-Authorization, for `user:password`.
inline std::string basic_credentials(std::string_view user_and_password) {
  return "Basic " + base64_encode(std::as_bytes(std::span(user_and_password)));
}

}  // namespace kindwire::detail
