// bare: what the machine can do. An epoll loop that turns a client's frames into a server's where they lie:
// one recv, one send. It checks nothing, and echoes a message before it is whole. With BENCH_TLS, what
// OpenSSL can do.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <kindwire/handshake/accept_key.hpp>
#include <string>
#include <vector>

#include "../harness.hpp"
#include "wire.hpp"

using namespace bench;

namespace {

constexpr std::size_t head_room = 16;  // for the part of a header that came in the read before
constexpr std::size_t read_size = 65536;

struct connection {
  explicit connection(wire of) : with(of) {}

  wire with;
  bool open = false;
  std::string request;
  unsigned char header[14];
  std::size_t header_size = 0;
  std::size_t rest = 0;  // of the payload
  std::uint64_t key = 0;
  std::string unsent;
};

void unmask(unsigned char* to, unsigned char const* from, std::size_t size, std::uint64_t& key) {
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, from + i, 8);
    word ^= key;
    std::memcpy(to + i, &word, 8);
  }
  for (std::size_t phase = 0; i < size; ++i, ++phase)
    to[i] = from[i] ^ static_cast<unsigned char>(key >> (8 * phase));
  if (unsigned const shift = size % 4 * 8; shift != 0) key = key >> shift | key << (64 - shift);
}

// Makes a server's frames of the bytes from `from` to `end`, in place from `to` on; returns where they end. A
// server's header is shorter, so what is written never overtakes what is read.
unsigned char* turn(connection& of, unsigned char* to, unsigned char* from, unsigned char* const end) {
  while (from != end) {
    if (of.rest == 0) {
      auto const left = static_cast<std::size_t>(end - from);
      std::size_t const wide = left < 2 ? 0 : (from[1] & 127) == 127 ? 8 : (from[1] & 127) == 126 ? 2 : 0;
      if (left < 6 + wide) {
        std::memcpy(of.header, from, left);
        of.header_size = left;
        return to;
      }
      std::uint64_t length = wide == 0 ? from[1] & 127u : 0;
      for (std::size_t i = 0; i < wide; ++i) length = length << 8 | from[2 + i];
      std::uint32_t key;
      std::memcpy(&key, from + 2 + wide, 4);
      of.key = std::uint64_t{key} << 32 | key;
      of.rest = length;
      from[1] &= 127;
      std::memmove(to, from, 2 + wide);
      to += 2 + wide;
      from += 6 + wide;
    }
    std::size_t const part = std::min(of.rest, static_cast<std::size_t>(end - from));
    unmask(to, from, part, of.key);
    to += part;
    from += part;
    of.rest -= part;
  }
  return to;
}

void open(connection& of, std::string const& bytes) {
  of.request += bytes;
  if (of.request.find("\r\n\r\n") == std::string::npos) return;
  std::string const field = "Sec-WebSocket-Key: ";
  std::string const key = of.request.substr(of.request.find(field) + field.size(), 24);
  std::string const answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Accept: " +
      kindwire::accept_key(key) + "\r\n\r\n";
  if (of.with.send(answer.data(), answer.size()) < 0) give_up("bare: cannot answer");
  of.request = {};
  of.open = true;
}

void watch(connection* of, int socket, int poll, int action, std::uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = of;
  ::epoll_ctl(poll, action, socket, &event);
}

// False once the connection is over.
bool send(connection& of, int poll, char const* data, std::size_t size, bool waited) {
  ssize_t sent = of.with.send(data, size);
  if (sent < 0) {
    if (errno != EAGAIN) return false;
    sent = 0;
  }
  auto const taken = static_cast<std::size_t>(sent);
  if (waited) {
    of.unsent.erase(0, taken);
    if (of.unsent.empty()) watch(&of, of.with.socket(), poll, EPOLL_CTL_MOD, EPOLLIN);
  } else if (taken != size) {
    of.unsent.assign(data + taken, size - taken);
    watch(&of, of.with.socket(), poll, EPOLL_CTL_MOD, EPOLLOUT);
  }
  return true;
}

bool serve(connection& of, int poll, std::vector<unsigned char>& room) {
  if (!of.unsent.empty()) return send(of, poll, of.unsent.data(), of.unsent.size(), true);
  unsigned char* const input = room.data() + head_room;
  ssize_t const got = of.with.receive(reinterpret_cast<char*>(input), read_size);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  if (!of.open) {
    open(of, std::string(reinterpret_cast<char*>(input), static_cast<std::size_t>(got)));
    return true;
  }
  unsigned char* const start = input - of.header_size;
  std::memcpy(start, of.header, of.header_size);
  of.header_size = 0;
  unsigned char* const end = turn(of, start, start, input + got);
  if (end == start) return true;
  return send(of, poll, reinterpret_cast<char*>(start), static_cast<std::size_t>(end - start), false);
}

}  // namespace

int main() {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to the socket with it
  int const acceptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(acceptor, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(acceptor, SOMAXCONN) != 0 ||
      ::getsockname(acceptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    give_up("bare: cannot listen");
  }
  std::printf("%u\n", ntohs(address.sin_port));
  std::fflush(stdout);

  int const poll = ::epoll_create1(0);
  watch(nullptr, acceptor, poll, EPOLL_CTL_ADD, EPOLLIN);
  std::vector<unsigned char> room(head_room + read_size);
  epoll_event events[128];
  for (;;) {
    int const ready = ::epoll_wait(poll, events, 128, -1);
    for (int i = 0; i < ready; ++i) {
      auto* each = static_cast<connection*>(events[i].data.ptr);
      bool goes_on = true;
      if (each == nullptr) {
        int const fresh = ::accept(acceptor, nullptr, nullptr);
        if (fresh < 0) continue;
        int const on = 1;
        ::setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        each = new connection(wire::to_client(fresh));
        never_block(fresh);
        watch(each, fresh, poll, EPOLL_CTL_ADD, EPOLLIN);
      } else {
        goes_on = serve(*each, poll, room);
      }
      // TLS may hold what the socket has no more.
      while (goes_on && each->unsent.empty() && each->with.has_input()) goes_on = serve(*each, poll, room);
      if (goes_on) continue;
      each->with.close();
      delete each;
    }
  }
}
