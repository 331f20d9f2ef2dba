// The client's side of SOCKS 5: a method, perhaps a user and a password, and a connection. RFC 1928, RFC
// 1929.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "head.hpp"
#include "response.hpp"
#include "user_info.hpp"

namespace kindwire {

/// Where a SOCKS 5 proxy is to connect, and as whom.
struct socks5_request {
  std::string host = {};  ///< a name of 1 to 255 bytes, or, if `address_size` is not 0, empty
  std::array<std::uint8_t, 16> address = {};  ///< in network order
  std::size_t address_size = 0;               ///< 4 for IPv4, 16 for IPv6, 0 for a name
  std::uint16_t port = 0;
  std::string user = {};      ///< up to 255 bytes; empty for none
  std::string password = {};  ///< up to 255 bytes
};

/// Asks a SOCKS 5 proxy for a connection, without a stream; used like tunnel_handshake. It never wants a byte
/// beyond the last reply. Not thread safe.
class socks5_handshake {
 public:
  /// error() reports at once what cannot be asked for: error::invalid_argument for a name, user or password
  /// of more than 255 bytes, or no host.
  explicit socks5_handshake(socks5_request request) : request_(std::move(request)) {
    std::size_t const size = request_.address_size;
    bool const named = size == 0 && !request_.host.empty() && request_.host.size() <= 255;
    if ((!named && size != 4 && size != 16) || request_.user.size() > 255 || request_.password.size() > 255) {
      fail(kindwire::error::invalid_argument);
      return;
    }
    // Without credentials there is one method: none (RFC 1928 §3).
    output_ = has_credentials() ? std::string("\x05\x02\x00\x02", 4) : std::string("\x05\x01\x00", 3);
  }

  /// Bytes to be written to the stream before more is read. Valid until consume() or commit().
  std::span<std::byte const> output() const noexcept {
    return std::as_bytes(std::span(output_)).subspan(written_);
  }
  void consume(std::size_t size) noexcept { written_ += size; }

  /// At most so many bytes are to be read before the next commit(); above 0 while status() is reading.
  std::size_t wanted() const noexcept { return needed_ - input_.size(); }

  /// Takes bytes from the stream: at most wanted() of them.
  void commit(std::string_view bytes) {
    if (status_ != handshake_status::reading) return;
    input_ += bytes;
    if (input_.size() < needed_) return;
    switch (state_) {
      case state::method: return take_method();
      case state::authentication: return take_authentication();
      case state::reply: return take_reply();
      case state::address_type: return take_address_type();
      case state::name_size: return expect(state::address, byte(0) + 2u);
      case state::address: status_ = handshake_status::ready; return;
    }
  }

  /// No more input will come, for the reason given, which is the error then.
  void end_of_input(std::error_code why = kindwire::error::connection_lost) noexcept {
    if (status_ == handshake_status::reading) fail(why);
  }

  /// A refusal has no body to wait for.
  bool is_refused() const noexcept { return false; }
  handshake_status status() const noexcept { return status_; }

  /// Why it failed. error::proxy_authentication_required: the proxy wants credentials that we do not have,
  /// refuses those we have, or takes none by user and password; answer() says the last. error::proxy_refused:
  /// it does not connect us; answer() says why. error::proxy_malformed: its answer is not SOCKS 5.
  std::error_code error() const noexcept { return error_; }

  /// The status is 0; the body says in words why we were refused, such as `host unreachable`.
  response const& answer() const noexcept { return answer_; }

 private:
  enum class state : std::uint8_t { method, authentication, reply, address_type, name_size, address };

  static constexpr unsigned version = 5;

  bool has_credentials() const noexcept { return !request_.user.empty() || !request_.password.empty(); }
  unsigned byte(std::size_t at) const noexcept { return static_cast<unsigned char>(input_[at]); }

  void expect(state next, std::size_t size) noexcept {
    state_ = next;
    needed_ = size;
    input_.clear();
  }
  void say(std::string text) noexcept {
    output_ = std::move(text);
    written_ = 0;
  }

  void take_method() {
    if (byte(0) != version) return fail(kindwire::error::proxy_malformed);
    unsigned const method = byte(1);
    if (method == 0) return ask();
    if (method == 2 && has_credentials()) return authenticate();
    if (method != 0xFF) return fail(kindwire::error::proxy_malformed);
    if (has_credentials()) answer_.body = "no acceptable method of authentication";
    fail(kindwire::error::proxy_authentication_required);
  }

  void authenticate() {
    std::string text = "\x01";
    for (std::string const* each : {&request_.user, &request_.password}) {
      text += static_cast<char>(static_cast<unsigned char>(each->size()));
      text += *each;
    }
    say(std::move(text));
    expect(state::authentication, 2);
  }

  void take_authentication() {
    // The first byte should be 1, the version of the negotiation; some say 5.
    if (byte(1) != 0) return fail(kindwire::error::proxy_authentication_required);
    ask();
  }

  void ask() {
    std::string text("\x05\x01\x00", 3);
    if (request_.address_size == 0) {
      text += '\x03';
      text += static_cast<char>(static_cast<unsigned char>(request_.host.size()));
      text += request_.host;
    } else {
      text += request_.address_size == 4 ? '\x01' : '\x04';
      text.append(reinterpret_cast<char const*>(request_.address.data()), request_.address_size);
    }
    text += static_cast<char>(static_cast<unsigned char>(request_.port >> 8));
    text += static_cast<char>(static_cast<unsigned char>(request_.port & 0xFF));
    say(std::move(text));
    expect(state::reply, 2);
  }

  // Proxies that refuse do not always send the rest.
  void take_reply() {
    if (byte(0) != version) return fail(kindwire::error::proxy_malformed);
    if (byte(1) == 0) return expect(state::address_type, 2);
    answer_.body = words_of(byte(1));
    fail(kindwire::error::proxy_refused);
  }

  // The address that the proxy uses, of which nothing is needed but its end.
  void take_address_type() noexcept {
    switch (byte(1)) {
      case 1: return expect(state::address, 4 + 2);
      case 3: return expect(state::name_size, 1);
      case 4: return expect(state::address, 16 + 2);
      default: return fail(kindwire::error::proxy_malformed);
    }
  }

  // RFC 1928 §6.
  static std::string words_of(unsigned reply) {
    constexpr std::array<std::string_view, 9> words{
        "succeeded",           "general failure",       "not allowed by its rules",
        "network unreachable", "host unreachable",      "connection refused",
        "TTL expired",         "command not supported", "address type not supported"};
    return reply < words.size() ? std::string(words[reply]) : "reply " + std::to_string(reply);
  }

  void fail(std::error_code why) noexcept {
    error_ = why;
    status_ = handshake_status::failed;
  }

  socks5_request request_;
  std::string output_;
  std::size_t written_ = 0;
  std::string input_;
  std::size_t needed_ = 2;
  response answer_{0, {}, {}};
  std::error_code error_;
  state state_ = state::method;
  handshake_status status_ = handshake_status::reading;
};

}  // namespace kindwire
