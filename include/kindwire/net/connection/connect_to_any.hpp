// Connects a socket to the first of several endpoints that accepts.
//
// asio::async_connect() does the same, but an endpoint for which no socket can be opened (no IPv6 here, no
// descriptor left) ends it with operation_aborted, before the next one is tried.
#pragma once

#include <asio/error.hpp>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace kindwire::net::detail {

// `done(std::error_code)` keeps the socket alive. If no socket can be opened at all, it is called before this
// returns, with the last failure to open one; otherwise with the result of the last endpoint tried. Closing
// the socket cancels.
template <class Socket, class Done>
class endpoints_to_try {
 public:
  using endpoint = typename Socket::endpoint_type;

  endpoints_to_try(Socket& socket, std::vector<endpoint> all, Done done)
      : socket_(&socket), all_(std::move(all)), done_(std::move(done)) {}

  void next() {
    while (tried_ != all_.size()) {
      endpoint const to = all_[tried_++];
      std::error_code failure;
      socket_->close(failure);
      socket_->open(to.protocol(), failure);
      if (failure) {
        // A refusal by some endpoint says more than a failure to open a socket here.
        if (!asked_) why_ = failure;
        continue;
      }
      asked_ = true;
      Socket& socket = *socket_;
      return socket.async_connect(to, [self = std::move(*this)](std::error_code refused) mutable {
        if (!refused || refused == asio::error::operation_aborted) return self.done_(refused);
        // Closed meanwhile, when the refusal was on its way already.
        if (!self.socket_->is_open()) return self.done_(asio::error::operation_aborted);
        self.why_ = refused;
        self.next();
      });
    }
    done_(why_);
  }

 private:
  Socket* socket_;
  std::vector<endpoint> all_;
  Done done_;
  std::size_t tried_ = 0;
  bool asked_ = false;
  std::error_code why_ = asio::error::host_not_found;
};

template <class Socket, class Done>
void connect_to_any(Socket& socket, std::vector<typename Socket::endpoint_type> all, Done done) {
  endpoints_to_try<Socket, Done>(socket, std::move(all), std::move(done)).next();
}

}  // namespace kindwire::net::detail
