// The parameters of permessage-deflate, RFC 7692 §7.1: reading, writing, and what answers what.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../handshake/extension.hpp"

namespace kindwire::deflate::detail {

inline constexpr std::string_view extension_name = "permessage-deflate";
inline constexpr int widest_window_bits = 15;
// zlib reads a window of 8 bits, and cannot write one.
inline constexpr int narrowest_deflatable_bits = 9;

// Of an offer, or of the answer to one.
struct parameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits = {};  // 8 to 15
  std::optional<int> client_max_window_bits = {};
  bool limits_client = false;  // client_max_window_bits is there, in an offer perhaps without a value

  friend bool operator==(parameters const&, parameters const&) = default;
};

// §7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive". Quotation marks are
// already gone: with or without, a value means the same (RFC 6455 §9.1).
inline std::optional<int> read_window_bits(std::string_view text) noexcept {
  if (text == "8" || text == "9") return text.front() - '0';
  if (text.size() == 2 && text.front() == '1' && text.back() >= '0' && text.back() <= '5')
    return 10 + (text.back() - '0');
  return std::nullopt;
}

// Nothing for what must be declined, or in an answer fails the connection (§7.1): a parameter that is not
// known, one that is repeated, or one with a value that it must not have.
inline std::optional<parameters> read_parameters(extension const& from, bool is_answer) {
  parameters result;
  auto const flag = [](extension_parameter const& one, bool& set) {
    return !one.value && !std::exchange(set, true);
  };
  for (extension_parameter const& each : from.parameters) {
    if (each.name == "server_no_context_takeover") {
      if (!flag(each, result.server_no_context_takeover)) return std::nullopt;
    } else if (each.name == "client_no_context_takeover") {
      if (!flag(each, result.client_no_context_takeover)) return std::nullopt;
    } else if (each.name == "server_max_window_bits") {
      if (result.server_max_window_bits || !each.value) return std::nullopt;
      result.server_max_window_bits = read_window_bits(*each.value);
      if (!result.server_max_window_bits) return std::nullopt;
    } else if (each.name == "client_max_window_bits") {
      if (std::exchange(result.limits_client, true)) return std::nullopt;
      if (!each.value && !is_answer) continue;
      if (each.value) result.client_max_window_bits = read_window_bits(*each.value);
      if (!result.client_max_window_bits) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return result;
}

inline extension write_parameters(parameters const& from) {
  extension result{std::string(extension_name), {}};
  auto const add = [&result](char const* name, std::optional<int> value = {}) {
    result.parameters.push_back({name, value ? std::optional(std::to_string(*value)) : std::nullopt});
  };
  if (from.server_no_context_takeover) add("server_no_context_takeover");
  if (from.client_no_context_takeover) add("client_no_context_takeover");
  if (from.server_max_window_bits) add("server_max_window_bits", from.server_max_window_bits);
  if (from.limits_client) add("client_max_window_bits", from.client_max_window_bits);
  return result;
}

// True if a server may accept `offer` by `answer` (§7.1.1, §7.1.2): what the client demands of the server is
// granted, and only what the client says it supports is demanded of it.
inline bool answers(parameters const& answer, parameters const& offer) noexcept {
  if (offer.server_no_context_takeover && !answer.server_no_context_takeover) return false;
  if (offer.server_max_window_bits &&
      (!answer.server_max_window_bits || *answer.server_max_window_bits > *offer.server_max_window_bits))
    return false;
  if (!answer.limits_client) return true;
  return offer.limits_client &&
         *answer.client_max_window_bits <= offer.client_max_window_bits.value_or(widest_window_bits);
}

}  // namespace kindwire::deflate::detail
