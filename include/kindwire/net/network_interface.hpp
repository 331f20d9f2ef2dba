// The network interface that a client's sockets are bound to.
#pragma once

#include "requirements.hpp"

#include <algorithm>
#include <array>
#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <string_view>
#include <system_error>

#if defined(__linux__)
#include <sys/socket.h>
#endif

namespace kindwire::net {

/// The name of a network interface, such as `eth0`; none by default. A connection then leaves the machine
/// there, or fails with std::errc::no_such_device. Linux only: others fail with std::errc::not_supported.
class network_interface {
 public:
  constexpr network_interface() noexcept = default;
  /// At most 15 bytes can be a name: of more there is no such device.
  constexpr network_interface(std::string_view name) noexcept : size_(name.size()) {
    std::copy_n(name.begin(), (std::min)(size_, name_.size()), name_.begin());
  }
  constexpr network_interface(char const* name) noexcept : network_interface(std::string_view(name)) {}

  constexpr bool empty() const noexcept { return size_ == 0; }

  /// Binds an open socket.
  std::error_code bind(asio::ip::tcp::socket& socket) const noexcept {
    if (empty()) return {};
    if (size_ > name_.size()) return std::make_error_code(std::errc::no_such_device);
#if defined(__linux__)
    auto const size = static_cast<socklen_t>(size_);
    if (::setsockopt(socket.native_handle(), SOL_SOCKET, SO_BINDTODEVICE, name_.data(), size) == 0) return {};
    return {errno, std::system_category()};
#else
    static_cast<void>(socket);
    return std::make_error_code(std::errc::not_supported);
#endif
  }

 private:
  // No std::string: see connect_options::origin.
  std::array<char, 15> name_ = {};
  std::string_view::size_type size_ = 0;
};

}  // namespace kindwire::net
