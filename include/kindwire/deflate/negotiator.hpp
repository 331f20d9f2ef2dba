// How permessage-deflate is agreed on, RFC 7692 §5 and §7.1, as either end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../frame/role.hpp"
#include "../handshake/extension.hpp"
#include "../handshake/negotiator.hpp"
#include "options.hpp"
#include "parameters.hpp"
#include "permessage_deflate.hpp"

namespace kindwire::deflate {

namespace detail {

inline options within_limits(options given) noexcept {
  given.window_bits = (std::clamp)(given.window_bits, narrowest_deflatable_bits, widest_window_bits);
  given.peer_window_bits =
      (std::clamp)(given.peer_window_bits, narrowest_deflatable_bits, widest_window_bits);
  given.memory_level = (std::clamp)(given.memory_level, 1, 9);
  given.level = (std::clamp)(given.level, given.compressor->fastest_level, given.compressor->smallest_level);
  return given;
}

// A server's answer to one offer; nothing if it declines it.
inline std::optional<parameters> answer_to(parameters const& offer, options const& own) {
  // To be limited to a window that zlib cannot write is not something to agree on.
  if (offer.server_max_window_bits && *offer.server_max_window_bits < narrowest_deflatable_bits)
    return std::nullopt;
  parameters answer;
  answer.server_no_context_takeover = offer.server_no_context_takeover || !own.context_takeover;
  answer.client_no_context_takeover = offer.client_no_context_takeover || !own.peer_context_takeover;
  if (offer.server_max_window_bits) {
    answer.server_max_window_bits = (std::min)(*offer.server_max_window_bits, own.window_bits);
  }
  int const asked = offer.client_max_window_bits.value_or(widest_window_bits);
  int const granted = (std::min)(asked, own.peer_window_bits);
  if (offer.limits_client && (offer.client_max_window_bits || granted < widest_window_bits)) {
    answer.limits_client = true;
    answer.client_max_window_bits = granted;
  }
  // A client that does not let us limit its window (§7.1.2.2) may still use a wide one, if we need not keep
  // it.
  if (!offer.limits_client && own.peer_window_bits < widest_window_bits)
    answer.client_no_context_takeover = true;
  return answer;
}

// What an answer means for the end that is `self`.
inline terms terms_of(role self, parameters const& answer, options const& own) noexcept {
  bool const serves = self == role::server;
  int const server_bits = answer.server_max_window_bits.value_or(widest_window_bits);
  int const client_bits = answer.client_max_window_bits.value_or(widest_window_bits);
  bool const server_keeps = !answer.server_no_context_takeover;
  bool const client_keeps = !answer.client_no_context_takeover;
  terms result;
  result.window_bits = (std::min)(serves ? server_bits : client_bits, own.window_bits);
  result.peer_window_bits = serves ? client_bits : server_bits;
  // What the other end allows need not be used.
  result.context_takeover = (serves ? server_keeps : client_keeps) && own.context_takeover;
  result.peer_context_takeover = serves ? client_keeps : server_keeps;
  return result;
}

class negotiator final : public extension_negotiator {
 public:
  explicit negotiator(options const& given) : service_(std::make_shared<service>(within_limits(given))) {}

  std::vector<extension> offer() const override {
    std::vector<extension> result;
    for (parameters const& each : offers()) result.push_back(write_parameters(each));
    return result;
  }

  // The first offer that can be accepted (§5.1, §7.1).
  agreed_extension accept(std::vector<extension> const& offered) const override {
    options const own = affordable();
    for (extension const& each : offered) {
      if (each.name != extension_name) continue;
      auto const offer = read_parameters(each, false);
      auto const answer = offer ? answer_to(*offer, own) : std::nullopt;
      if (answer) return agree(role::server, *answer, own);
    }
    return {};
  }

  // §5.1, §7.1: terms that were not on offer fail the connection.
  std::error_code confirm(std::vector<extension> const& offered, std::vector<extension> const& answered,
                          agreed_extension& agreed) const override {
    agreed = {};
    for (extension const& each : answered) {
      if (each.name != extension_name) continue;
      auto const answer = read_parameters(each, true);
      auto const offer = answer ? offer_behind(*answer, offered) : std::nullopt;
      if (!offer) return error::handshake_extension;
      options own = service_->options;
      // §7.1.1.2: what the offer says of the client's own window holds, whatever the answer says.
      // Many offers may have been made before the first of them was answered; to keep no window of ours is
      // always right.
      if (offer->client_no_context_takeover || !affordable().context_takeover) own.context_takeover = false;
      agreed = agree(role::client, *answer, own);
    }
    return {};
  }

 private:
  // Servers that know nothing of window bits decline what demands them (§7.1.2.1).
  std::vector<parameters> offers() const {
    options const own = affordable();
    parameters first;
    first.server_no_context_takeover = !own.peer_context_takeover;
    first.client_no_context_takeover = !own.context_takeover;
    first.limits_client = true;
    if (own.window_bits < widest_window_bits) first.client_max_window_bits = own.window_bits;
    if (own.peer_window_bits == widest_window_bits || !own.peer_context_takeover) return {first};
    parameters second = first;
    first.server_max_window_bits = own.peer_window_bits;
    second.server_no_context_takeover = true;
    return {first, second};
  }

  // An offer that `answer` may be the answer to.
  static std::optional<parameters> offer_behind(parameters const& answer,
                                                std::vector<extension> const& offered) {
    for (extension const& each : offered) {
      if (each.name != extension_name) continue;
      auto const offer = read_parameters(each, false);
      if (offer && answers(answer, *offer)) return offer;
    }
    return std::nullopt;
  }

  // Without takeover if what may be kept is promised already.
  options affordable() const noexcept {
    options own = service_->options;
    terms most;
    most.context_takeover = own.context_takeover;
    most.peer_context_takeover = own.peer_context_takeover;
    most.window_bits = own.window_bits;
    most.peer_window_bits = own.peer_window_bits;
    std::size_t const needed = kept_memory(most, own);
    std::size_t const promised = service_->promised.load(std::memory_order_relaxed);
    if (needed > own.max_memory || promised > own.max_memory - needed)
      own.context_takeover = own.peer_context_takeover = false;
    return own;
  }

  agreed_extension agree(role self, parameters const& answer, options const& own) const {
    return {format_extensions({write_parameters(answer)}),
            std::make_unique<permessage_deflate>(service_, terms_of(self, answer, own))};
  }

  std::shared_ptr<service> service_;
};

}  // namespace detail

inline options::operator std::shared_ptr<extension_negotiator const>() const {
  return std::make_shared<detail::negotiator const>(*this);
}

}  // namespace kindwire::deflate
