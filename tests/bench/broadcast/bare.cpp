// bare: what the machine can do. An epoll loop that encodes what is published in a turn once, and sends it by
// one send() a connection. It checks nothing, and expects what it is told to come whole.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <kindwire/handshake/accept_key.hpp>
#include <string>
#include <vector>

#include "../echo/client.hpp"

using namespace bench;

namespace {

struct connection {
  int socket;
  bool open = false;
  std::string request = {};
  std::string unsent = {};
};

class server {
 public:
  explicit server(int acceptor) : listening_{acceptor} { watch(listening_, EPOLL_CTL_ADD, EPOLLIN); }

  [[noreturn]] void run() {
    epoll_event events[128];
    for (;;) {
      int const ready = ::epoll_wait(poll_, events, 128, -1);
      for (int i = 0; i < ready; ++i) {
        auto& each = *static_cast<connection*>(events[i].data.ptr);
        if (&each == &listening_) {
          accept();
        } else if (!each.unsent.empty()) {
          send_rest(each);
        } else {
          receive(each);
        }
      }
    }
  }

 private:
  void accept() {
    int const fresh = ::accept4(listening_.socket, nullptr, nullptr, SOCK_NONBLOCK);
    if (fresh < 0) return;
    int const on = 1;
    ::setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    all_.push_back(new connection{fresh});
    watch(*all_.back(), EPOLL_CTL_ADD, EPOLLIN);
  }

  void receive(connection& from) {
    char input[1024];
    ssize_t const got = ::recv(from.socket, input, sizeof input, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) std::exit(0);  // the load has ended
    if (from.open) return publish(reinterpret_cast<unsigned char*>(input), static_cast<std::size_t>(got));
    from.request.append(input, static_cast<std::size_t>(got));
    if (from.request.find("\r\n\r\n") != std::string::npos) open(from);
  }

  void open(connection& of) {
    std::string const field = "Sec-WebSocket-Key: ";
    std::string const key = of.request.substr(of.request.find(field) + field.size(), 24);
    std::string const answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Accept: " +
        kindwire::accept_key(key) + "\r\n\r\n";
    if (::send(of.socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) give_up("bare: cannot answer");
    of.request = {};
    of.open = true;
  }

  void publish(unsigned char* frame, std::size_t size) {
    std::size_t const header = (frame[1] & 127) == 126 ? 4 : 2;
    if (size < header + 5) give_up("bare: half a frame");
    unsigned char* const payload = frame + header + 4;
    size -= header + 4;
    for (std::size_t i = 0; i != size; ++i) payload[i] ^= frame[header + i % 4];
    std::string const one = frame_header(size - 1, false) + std::string(payload + 1, payload + size);
    turn_.clear();
    for (unsigned char i = payload[0]; i != 0; --i) turn_ += one;
    for (connection* each : all_) send(*each);
  }

  void send(connection& to) {
    if (!to.unsent.empty()) {
      to.unsent += turn_;
      return;
    }
    ssize_t sent = ::send(to.socket, turn_.data(), turn_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) std::exit(0);
    if (sent < 0) sent = 0;
    if (static_cast<std::size_t>(sent) == turn_.size()) return;
    to.unsent = turn_.substr(static_cast<std::size_t>(sent));
    watch(to, EPOLL_CTL_MOD, EPOLLOUT);
  }
  void send_rest(connection& to) {
    ssize_t const sent = ::send(to.socket, to.unsent.data(), to.unsent.size(), MSG_NOSIGNAL);
    if (sent > 0) to.unsent.erase(0, static_cast<std::size_t>(sent));
    if (to.unsent.empty()) watch(to, EPOLL_CTL_MOD, EPOLLIN);
  }

  void watch(connection& of, int action, std::uint32_t events) {
    epoll_event event = {};
    event.events = events;
    event.data.ptr = &of;
    ::epoll_ctl(poll_, action, of.socket, &event);
  }

  int const poll_ = ::epoll_create1(0);
  connection listening_;
  std::vector<connection*> all_;
  std::string turn_;
};

}  // namespace

int main() {
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
  server(acceptor).run();
}
