// The client's side of a tunnel through an HTTP proxy: CONNECT and the answer to it. RFC 9110 §9.3.6,
// RFC 6455 §4.1.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../frame/escaped.hpp"
#include "authority.hpp"
#include "body.hpp"
#include "head.hpp"
#include "headers.hpp"
#include "response.hpp"
#include "user_info.hpp"

namespace kindwire {

/// What a tunnel is asked for with.
struct tunnel_options {
  std::string credentials = {};  ///< `user:password` for Basic, or empty
  head_limits limits = {};       ///< of the answer
  std::size_t max_body = 65536;  ///< bytes kept of the body of a refusal
};

/// Asks an HTTP proxy for a tunnel, without a stream:
///
///     kw::tunnel_handshake tunnel{"example.com:443"};
///     while (!tunnel.output().empty()) tunnel.consume(write_some(tunnel.output()));
///     while (tunnel.status() == kw::handshake_status::reading)
///       tunnel.commit(read_some(tunnel.wanted()));          // end_of_input() if the stream ends
///
/// It never wants a byte beyond the head of a 2xx: what follows belongs to the server and stays in the
/// stream. Not thread safe.
class tunnel_handshake {
 public:
  /// `to` is a host and a port. error() reports at once what cannot be asked for: error::invalid_uri.
  explicit tunnel_handshake(std::string_view to, tunnel_options options = {})
      : options_(std::move(options)), head_(head_parser::kind::response, options_.limits) {
    auto const where = detail::parse_authority(to);
    if (!where || where->port == 0) {
      fail(kindwire::error::invalid_uri);
      return;
    }
    output_.append("CONNECT ").append(to).append(" HTTP/1.1\r\n");
    detail::append_field(output_, "Host", to);
    if (!options_.credentials.empty())
      detail::append_field(output_, "Proxy-Authorization", detail::basic_credentials(options_.credentials));
    output_ += "\r\n";
  }

  /// Bytes to be written to the stream. Valid until consume().
  std::span<std::byte const> output() const noexcept {
    return std::as_bytes(std::span(output_)).subspan(written_);
  }
  void consume(std::size_t size) noexcept { written_ += size; }

  /// At most so many bytes are to be read before the next commit(); above 0 while status() is reading.
  std::size_t wanted() const noexcept { return refused_ ? 1024 : 4 - matched_; }

  /// Takes bytes from the stream: at most wanted() of them.
  void commit(std::string_view bytes) {
    if (status_ != handshake_status::reading) return;
    if (refused_) return take_body(bytes);
    if (said_.size() < longest_quotation) said_ += bytes;
    match_end(bytes);
    head_.put(bytes);
    if (head_.status() == handshake_status::failed) {
      answer_ = {0, {}, detail::escaped(said_)};
      return fail(head_.error());
    }
    if (head_.status() == handshake_status::ready) end_head();
  }

  /// No more input will come, for the reason given. That is the error, unless it only cuts off the body of a
  /// refusal.
  void end_of_input(std::error_code why = kindwire::error::connection_lost) noexcept {
    if (status_ == handshake_status::reading) refused_ ? end_body() : fail(why);
  }

  /// True once the head of a refusal has arrived, even while its body is still read.
  bool is_refused() const noexcept { return refused_; }
  handshake_status status() const noexcept { return status_; }

  /// Why it failed: error::proxy_authentication_required for 407, error::proxy_refused for any other answer
  /// but 2xx, the http errors for what is not HTTP/1.x.
  std::error_code error() const noexcept { return error_; }

  /// The proxy's answer as far as it arrived, as in client_handshake::answer().
  response const& answer() const noexcept { return answer_; }

 private:
  // The head ends with CRLF CRLF: so many bytes less can be read without reading beyond it.
  void match_end(std::string_view bytes) noexcept {
    for (char const c : bytes) {
      bool const expected = c == (matched_ % 2 == 0 ? '\r' : '\n');
      matched_ = expected ? matched_ + 1 : c == '\r' ? 1 : 0;
    }
  }

  void end_head() {
    unsigned const status = head_.status_code();
    if (status < 200) {
      if (++interim_answers_ > most_interim_answers || status == 101)
        return fail(kindwire::error::http_malformed);
      head_ = head_parser{head_parser::kind::response, options_.limits};
      matched_ = 0;
      return;
    }
    for (auto const [name, value] : head_.headers()) answer_.headers.emplace_back(name, value);
    answer_.status = status;
    // RFC 9110 §9.3.6: Content-Length and Transfer-Encoding mean nothing in a 2xx.
    if (status < 300) {
      status_ = handshake_status::ready;
      return;
    }
    refused_ = true;
    body_ = detail::body_reader{status, head_.headers(), options_.max_body};
    if (body_.done()) end_body();
  }

  void take_body(std::string_view bytes) {
    body_.put(bytes);
    if (body_.done()) end_body();
  }

  void end_body() noexcept {
    answer_.body = body_.take();
    fail(answer_.status == 407 ? kindwire::error::proxy_authentication_required
                               : kindwire::error::proxy_refused);
  }

  void fail(std::error_code why) noexcept {
    error_ = why;
    status_ = handshake_status::failed;
  }

  static constexpr std::size_t longest_quotation = 40;
  static constexpr unsigned most_interim_answers = 16;

  tunnel_options options_;
  head_parser head_;
  std::string output_;
  std::size_t written_ = 0;
  std::size_t matched_ = 0;
  detail::body_reader body_;
  response answer_{0, {}, {}};
  std::string said_;  // how the head begins
  std::error_code error_;
  unsigned interim_answers_ = 0;
  bool refused_ = false;
  handshake_status status_ = handshake_status::reading;
};

}  // namespace kindwire
