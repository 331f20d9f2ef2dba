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
#include <string>
#include <vector>

#include "../harness.hpp"
#include "bare_echo.hpp"
#include "wire.hpp"

using namespace bench;

namespace {

struct connection {
  explicit connection(wire of) : with(of) {}

  wire with;
  bare_echo echo;
  std::string unsent;
};

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
  unsigned char* const input = room.data() + bare_echo::head_room;
  ssize_t const got = of.with.receive(reinterpret_cast<char*>(input), bare_echo::read_size);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  auto const answer = of.echo.answer(input, static_cast<std::size_t>(got));
  return answer.empty() || send(of, poll, answer.data(), answer.size(), false);
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
  std::vector<unsigned char> room(bare_echo::head_room + bare_echo::read_size);
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
