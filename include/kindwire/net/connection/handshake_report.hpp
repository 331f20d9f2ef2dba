// Tells an observer what is said in an opening handshake, and how it has failed.
#pragma once

#include <asio/error.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../frame/role.hpp"
#include "../../handshake/endpoint.hpp"
#include "../../handshake/request.hpp"
#include "../../handshake/response.hpp"
#include "../async_stream.hpp"
#include "../observer.hpp"
#include "tls_failure.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// Why an opening of ours has ended.
inline handshake_failure failure_reason(std::error_code why) noexcept {
  if (why == error::handshake_timeout) return handshake_failure::timeout;
  if (is_of_tls(why)) return handshake_failure::tls;
  return why == asio::error::operation_aborted ? handshake_failure::stopped : handshake_failure::error;
}

inline void append_field(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(value).append("\r\n");
}
// With the empty line.
inline std::string head_of(request const& what) {
  std::string text;
  text.append(what.method()).append(" ").append(what.target()).append(" HTTP/1.1\r\n");
  for (std::size_t index = 0; index != what.headers().size(); ++index)
    append_field(text, what.headers()[index].name, what.headers()[index].value);
  return text += "\r\n";
}
inline std::string head_of(response const& what) {
  std::string text = "HTTP/1.1 " + std::to_string(what.status);
  text.append(" ").append(reason_phrase(what.status)).append("\r\n");
  for (auto const& [name, value] : what.headers) append_field(text, name, value);
  return text += "\r\n";
}

class handshake_report {
 public:
  explicit handshake_report(role self) noexcept : self_(self) {}

  // Without an observer nothing is told. The address is asked for now: later the peer may be gone.
  template <class Stream>
  void begin(std::shared_ptr<observer> const& to, Stream& stream) noexcept {
    to_ = to.get();
    if (to_ != nullptr) try_allocating([&] { remote_ = remote_endpoint_of(stream); });
  }

  // The same for what never became a stream.
  void begin(std::shared_ptr<observer> const& to, endpoint const& remote) noexcept {
    to_ = to.get();
    if (to_ != nullptr) try_allocating([&] { remote_ = remote; });
  }

  endpoint const& remote() const noexcept { return remote_; }

  // What begins with a head.
  void sent(std::string_view text) noexcept {
    if (wants_heads()) tell(direction::sent, text);
  }
  template <class Message>
  void received(Message const& what) noexcept {
    if (wants_heads()) try_allocating([&] { tell(direction::received, head_of(what)); });
  }

  // There is nothing to tell any more: it has ended well, or was never about a websocket.
  void settle() noexcept { to_ = nullptr; }

  void failed(handshake_failure reason, unsigned status, std::error_code why,
              std::string_view target) noexcept {
    observer* const to = std::exchange(to_, nullptr);
    if (to == nullptr) return;
    to->handshake_failed({.self = self_,
                          .remote = std::move(remote_),
                          .target = target,
                          .status = status,
                          .reason = reason,
                          .error = why});
  }

 private:
  bool wants_heads() const noexcept { return to_ != nullptr && to_->wants_frames(); }
  void tell(direction way, std::string_view text) noexcept {
    try_allocating([&] {
      to_->head(
          {.self = self_, .remote = remote_, .way = way, .text = text.substr(0, text.find("\r\n\r\n"))});
    });
  }

  observer* to_ = nullptr;
  endpoint remote_;
  role self_;
};

}  // namespace kindwire::net::detail
