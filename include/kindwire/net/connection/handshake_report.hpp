// Tells an observer how an opening handshake has failed.
#pragma once

#include <asio/error.hpp>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../frame/role.hpp"
#include "../../handshake/endpoint.hpp"
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
  observer* to_ = nullptr;
  endpoint remote_;
  role self_;
};

}  // namespace kindwire::net::detail
