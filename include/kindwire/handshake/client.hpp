// The client's side of the opening handshake: a request out, the server's answer in. RFC 6455 §4.1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../frame/escaped.hpp"
#include "../message/buffer.hpp"
#include "accept_key.hpp"
#include "authority.hpp"
#include "body.hpp"
#include "extension.hpp"
#include "head.hpp"
#include "headers.hpp"
#include "negotiator.hpp"
#include "response.hpp"
#include "uri.hpp"
#include "user_info.hpp"

namespace kindwire {

/// What a client asks for besides its URI. Holds no std::string directly: g++ 12 copies the bytes of
/// aggregates built inside a co_await expression, which would break one.
struct client_options {
  std::vector<std::string> subprotocols = {};  ///< distinct tokens, in order of preference
  std::string_view origin = {};                ///< only for programs that act as a browser does
  /// Other fields, such as cookies or Authorization. A Host here replaces the one made from the URI, as for a
  /// server reached by its address or through a Unix socket.
  header_list headers = {};
  std::string_view extensions = {};  ///< the value of Sec-WebSocket-Extensions to offer, or empty
  head_limits limits = {};           ///< of the response
  std::size_t max_body = 65536;      ///< bytes kept of the body of a refusal: an error page
  /// Offered as well: see deflate/options.hpp.
  std::shared_ptr<extension_negotiator const> compression = {};
};

/// Makes the request and checks the answer, without a stream:
///
///     kw::client_handshake handshake{*kw::uri::parse("ws://127.0.0.1/chat")};
///     while (!handshake.output().empty()) handshake.consume(write_some(handshake.output()));
///     while (handshake.status() == kw::handshake_status::reading)
///       handshake.commit(read_some(handshake.prepare(2048)));       // end_of_input() if the stream ends
///     if (handshake.error()) …                                      // handshake_refused: answer() says how
///     …                                                             // leftover() begins the frames
///
/// Once the head of an answer other than 101 has arrived, the outcome is error::handshake_refused with its
/// status and fields, whatever happens to the body (RFC 9110 §15, RFC 9112 §8). A redirect is a refusal like
/// any other: only the caller knows which credentials may be sent to the new location.
///
/// The clock is the driver's: it calls end_of_input() when the time for the handshake is up, and much earlier
/// while is_refused(): a body explains a refusal and is not worth waiting for. Not thread safe.
class client_handshake {
 public:
  /// Makes a request with a fresh key. error() reports at once what cannot be asked for:
  /// error::invalid_header for a control character in a name or value, a name that is not a token, one of the
  /// handshake's own fields (Upgrade, Connection, Sec-WebSocket-…, Content-Length, Transfer-Encoding), a
  /// malformed Host, and a second Origin or Host; error::handshake_subprotocol for one that is not a token,
  /// or is repeated; error::handshake_extension for a malformed list; error::invalid_uri for a URI that
  /// uri::parse() would not produce.
  explicit client_handshake(uri const& to, client_options options = {})
      : options_(std::move(options)),
        offered_extensions_(offered_by(options_)),
        head_(head_parser::kind::response, options_.limits),
        key_(make_key()) {
    write_request(to);
    if (error_) {
      output_.clear();
      status_ = handshake_status::failed;
    }
  }

  /// Bytes to be written to the stream. Valid until consume().
  std::span<std::byte const> output() const noexcept {
    return {reinterpret_cast<std::byte const*>(output_.data()) + written_, output_.size() - written_};
  }
  /// The first `size` bytes of output() were written.
  void consume(std::size_t size) noexcept { written_ += size; }

  /// Room for at least `size` bytes from the stream; fill it from its front, then commit().
  std::span<std::byte> prepare(std::size_t size) { return input_.prepare(size); }

  /// Takes the first `size` bytes of the room from prepare(). Once status() is ready they are only kept, as
  /// leftover(); once it is failed they are dropped. May throw std::bad_alloc, and has then failed: with
  /// std::errc::not_enough_memory, or with error::handshake_refused if only the body ran out of memory.
  void commit(std::size_t size) {
    input_.commit(size);
    unwinding guard{this};
    while (status_ == handshake_status::reading && !input_.empty()) refused_ ? read_body() : read_head();
    guard.dismiss();
    if (status_ == handshake_status::failed) input_.release();
  }

  /// No more input will come: the stream has ended, a read failed with `why`, or time is up
  /// (error::handshake_timeout). That is the error, unless it only cuts off the body of a refusal.
  void end_of_input(std::error_code why = kindwire::error::connection_lost) noexcept {
    if (status_ != handshake_status::reading) return;
    refused_ ? end_body() : fail(why);
  }

  /// True once the head of a refusal has arrived, even while its body is still read.
  bool is_refused() const noexcept { return refused_; }

  /// reading until a valid 101 has arrived, or the body of a refusal is complete.
  handshake_status status() const noexcept { return status_; }

  /// Why it failed. error::handshake_refused for a status other than 101; error::http_version and other http
  /// errors for an answer that is not HTTP/1.1, see server_said(); error::handshake_upgrade,
  /// handshake_accept, handshake_subprotocol and handshake_extension for a 101 that breaks a rule.
  std::error_code error() const noexcept { return error_; }

  /// The server's answer as far as it arrived: its status (0 before), its header fields, and for a refusal
  /// the body, dechunked and up to max_body bytes. Interim answers (1xx) are skipped.
  response const& answer() const noexcept { return answer_; }

  /// The beginning of an answer that is not HTTP, printable: up to 40 of its bytes, as in
  /// `SSH-2.0-OpenSSH_9.2\r\n` or `\x15\x03\x03\x00\x02\x02F`. Empty for one that is HTTP. answer() has the
  /// same text as its body, with the status 0.
  std::string_view server_said() const noexcept {
    return answer_.status == 0 ? std::string_view{answer_.body} : std::string_view{};
  }

  /// The subprotocol that the server chose from ours, empty for none; once status() is ready.
  std::string_view subprotocol() const noexcept { return subprotocol_; }
  /// The extensions that the server chose, all of them by name among ours; once status() is ready.
  std::vector<extension> const& extensions() const noexcept { return extensions_; }
  /// Of these, what client_options::compression has agreed on; once status() is ready. It may be moved out.
  agreed_extension& agreed() noexcept { return agreed_; }

  /// The bytes after the 101: they belong to the frames. Valid until the next call of prepare() or commit().
  std::span<std::byte> leftover() noexcept { return input_.bytes(); }

 private:
  // Out of memory in the middle of the answer: what was read cannot be read again, and part of it must not
  // pass for the whole.
  struct unwinding {
    client_handshake* self;
    ~unwinding() {
      if (self != nullptr) self->end_of_input(std::make_error_code(std::errc::not_enough_memory));
    }
    void dismiss() noexcept { self = nullptr; }
  };

  static std::string offered_by(client_options const& options) {
    std::string result(options.extensions);
    if (!options.compression) return result;
    if (!result.empty()) result += ", ";
    return result += format_extensions(options.compression->offer());
  }

  void write_request(uri const& to);
  void write_fields();
  void read_head();
  std::error_code check_answer(kindwire::headers const& fields);

  void read_body() {
    auto const bytes = input_.bytes();
    body_.put({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
    input_.clear();
    if (body_.done()) end_body();
  }

  void end_body() noexcept {
    answer_.body = body_.take();
    fail(kindwire::error::handshake_refused);
  }

  void fail(std::error_code why) noexcept {
    error_ = why;
    status_ = handshake_status::failed;
  }

  void keep_beginning(std::string_view bytes) {
    if (said_.size() < longest_quotation) said_ += bytes.substr(0, longest_quotation - said_.size());
  }
  void fail_head(std::error_code why) {
    answer_ = {0, {}, detail::escaped(said_)};
    fail(why);
  }

  // Enough to recognise a protocol, and short enough for one line of a log.
  static constexpr std::size_t longest_quotation = 40;

  // RFC 9110 §15.2 allows any number of interim answers; a server that sends nothing else is cut off.
  static constexpr unsigned most_interim_answers = 16;

  client_options options_;
  std::string offered_extensions_;
  head_parser head_;
  std::string key_;
  std::string output_;
  std::size_t written_ = 0;
  buffer input_;
  detail::body_reader body_;
  response answer_{0, {}, {}};
  std::string said_;  // how the current head begins
  std::string subprotocol_;
  std::vector<extension> extensions_;
  agreed_extension agreed_;
  std::error_code error_;
  unsigned interim_answers_ = 0;
  bool refused_ = false;
  handshake_status status_ = handshake_status::reading;
};

inline void client_handshake::write_request(uri const& to) {
  std::string const authority = to.authority();
  bool const valid = to.target.starts_with('/') && detail::is_uri_target(to.target) && to.port != 0 &&
                     detail::parse_authority(authority);
  if (!valid) {
    error_ = kindwire::error::invalid_uri;
    return;
  }
  output_ += "GET ";
  output_ += to.target;
  output_ += " HTTP/1.1\r\n";
  auto const own = [this](std::string_view name) {
    return std::any_of(options_.headers.begin(), options_.headers.end(),
                       [name](auto const& field) { return detail::equal_ignoring_case(field.first, name); });
  };
  if (!own("Host")) detail::append_field(output_, "Host", authority);
  output_ += "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  detail::append_field(output_, "Sec-WebSocket-Key", key_);
  output_ += "Sec-WebSocket-Version: 13\r\n";
  if (!to.credentials.empty() && !own("Authorization"))
    detail::append_field(output_, "Authorization", detail::basic_credentials(to.credentials));
  write_fields();
  output_ += "\r\n";
}

inline void client_handshake::write_fields() {
  std::string offered;
  for (auto each = options_.subprotocols.begin(); each != options_.subprotocols.end(); ++each) {
    bool const twice = std::find(options_.subprotocols.begin(), each, *each) != each;
    if (!detail::is_token(*each) || twice) error_ = kindwire::error::handshake_subprotocol;
    if (!offered.empty()) offered += ", ";
    offered += *each;
  }
  if (!offered.empty()) detail::append_field(output_, "Sec-WebSocket-Protocol", offered);

  if (!offered_extensions_.empty()) {
    if (!parse_extensions(offered_extensions_)) error_ = kindwire::error::handshake_extension;
    detail::append_field(output_, "Sec-WebSocket-Extensions", offered_extensions_);
  }

  if (!options_.origin.empty()) {
    if (!detail::is_field_value(options_.origin)) error_ = kindwire::error::invalid_header;
    detail::append_field(output_, "Origin", options_.origin);
  }
  unsigned hosts = 0;
  unsigned origins = options_.origin.empty() ? 0 : 1;
  for (auto const& [name, value] : options_.headers) {
    bool valid = detail::is_writable_field(name, value) && !detail::is_framing_field(name) &&
                 !detail::is_websocket_field(name) && !detail::equal_ignoring_case(name, "Upgrade");
    if (detail::equal_ignoring_case(name, "Host")) valid = ++hosts == 1 && detail::parse_authority(value);
    if (detail::equal_ignoring_case(name, "Origin")) valid = valid && ++origins == 1;
    if (!valid) error_ = kindwire::error::invalid_header;
    detail::append_field(output_, name, value);
  }
}

inline void client_handshake::read_head() {
  std::string_view const bytes{reinterpret_cast<char const*>(input_.bytes().data()), input_.size()};
  keep_beginning(bytes);
  input_.consume(head_.put(bytes));
  if (head_.status() == handshake_status::reading) return;
  if (head_.status() == handshake_status::failed) return fail_head(head_.error());
  said_.clear();

  unsigned const status = head_.status_code();
  if (status < 200 && status != 101) {
    if (++interim_answers_ > most_interim_answers) return fail(kindwire::error::http_malformed);
    head_ = head_parser{head_parser::kind::response, options_.limits};
    return;
  }
  for (auto const [name, value] : head_.headers()) answer_.headers.emplace_back(name, value);
  answer_.status = status;
  if (status != 101) {
    refused_ = true;
    body_ = detail::body_reader{status, head_.headers(), options_.max_body};
    if (body_.done()) end_body();
    return;
  }
  if (head_.minor_version() == 0) return fail(kindwire::error::http_version);
  if (std::error_code const why = check_answer(head_.headers())) return fail(why);
  status_ = handshake_status::ready;
}

// The client's validation of the answer, in the order of RFC 6455 §4.1.
inline std::error_code client_handshake::check_answer(kindwire::headers const& fields) {
  // The value "websocket", not a list that contains it (§4.1, 2); Connection is a list (3).
  std::optional<std::string_view> const upgrade = fields.only("Upgrade");
  if (!upgrade || !detail::equal_ignoring_case(*upgrade, "websocket"))
    return kindwire::error::handshake_upgrade;
  if (!fields.has_token("Connection", "upgrade")) return kindwire::error::handshake_upgrade;
  if (fields.only("Sec-WebSocket-Accept") != accept_key(key_)) return kindwire::error::handshake_accept;

  // RFC 6455 §11.3.2: at most one field in a response.
  if (fields.count("Sec-WebSocket-Extensions") > 1) return kindwire::error::handshake_extension;
  auto answered = parse_extensions(fields);
  if (!answered) return kindwire::error::handshake_extension;
  auto const offered = parse_extensions(offered_extensions_).value_or(std::vector<extension>{});
  if (std::error_code const why = check_answered_extensions(*answered, offered)) return why;
  if (options_.compression) {
    if (std::error_code const why = options_.compression->confirm(offered, *answered, agreed_)) return why;
  }

  // A server that supports none of ours names none; whether to go on without is up to the application (§1.9).
  if (fields.count("Sec-WebSocket-Protocol") != 0) {
    // RFC 6455 §11.3.4: one field, and by the grammar of §4.3 one token, not a list.
    std::optional<std::string_view> const chosen = fields.only("Sec-WebSocket-Protocol");
    auto const& ours = options_.subprotocols;
    if (!chosen || std::find(ours.begin(), ours.end(), *chosen) == ours.end()) {
      return kindwire::error::handshake_subprotocol;
    }
    subprotocol_ = *chosen;
  }
  extensions_ = std::move(*answered);
  return {};
}

}  // namespace kindwire
