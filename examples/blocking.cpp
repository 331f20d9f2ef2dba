// blocking: an echo server with a thread a connection and no Asio: the protocol over plain POSIX sockets
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <kindwire/stream/websocket.hpp>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace kw = kindwire;

// A blocking_stream over a socket: two functions, and two more that let the close handshake end well.
class socket_stream {
 public:
  explicit socket_stream(int descriptor) : descriptor_(descriptor) {}
  socket_stream(socket_stream&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  socket_stream& operator=(socket_stream&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~socket_stream() { close(); }

  std::size_t read_some(std::span<std::byte> into, std::error_code& failure) {
    return done(::recv(descriptor_, into.data(), into.size(), 0), failure);
  }
  std::size_t write_some(std::span<std::byte const> from, std::error_code& failure) {
    return done(::send(descriptor_, from.data(), from.size(), MSG_NOSIGNAL), failure);
  }
  void shutdown_send() { ::shutdown(descriptor_, SHUT_WR); }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  static std::size_t done(ssize_t result, std::error_code& failure) {
    if (result >= 0) return failure.clear(), static_cast<std::size_t>(result);
    failure.assign(errno, std::generic_category());
    return 0;
  }

  int descriptor_;
};

void echo(int descriptor) {
  timeval const patience{60, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  std::error_code failure;
  auto ws = kw::accept(socket_stream(descriptor), failure, {.hosts = {.local = true}});
  while (kw::message const msg = ws.receive(failure)) {
    ws.send(msg.type(), msg.bytes(), failure);
    if (failure) break;
  }
}

int main(int count, char** values) {
  std::string_view const first = count > 1 ? values[1] : "";
  if (first == "--help" || (count > 1 && (count != 3 || first != "--port"))) {
    std::fputs("usage: blocking [--port N]\n", first == "--help" ? stdout : stderr);
    return first == "--help" ? 0 : 2;
  }
  int const port = count == 3 ? std::atoi(values[2]) : 8080;

  int const listening = ::socket(AF_INET, SOCK_STREAM, 0);
  int const yes = 1;
  ::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listening, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listening, 64) != 0 ||
      ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::fprintf(stderr, "blocking: %s\n", std::strerror(errno));
    return 1;
  }
  auto const end = [](int) { std::_Exit(0); };
  std::signal(SIGINT, end);
  std::signal(SIGTERM, end);
  std::printf("ws://127.0.0.1:%u/\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    int const accepted = ::accept(listening, nullptr, nullptr);
    if (accepted >= 0) {
      try {
        std::thread(echo, accepted).detach();
      } catch (std::system_error const&) {
        ::close(accepted);  // no more threads: this one has to try again later
      }
    } else if (errno != EINTR) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}
