// kindwire's ways of sending a message to many connections, on a context that one thread runs. `_thread`:
// what is published comes from another thread, which is woken once a turn.
//
//     ours hub|hub_thread|try_send|remote|remote_thread
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <kindwire/hub.hpp>
#include <kindwire/net/server.hpp>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

using payload = std::span<std::byte const>;

// Whatever comes from one connection goes to all, that one included: the first byte says how often the rest
// is published.
class audience {
 public:
  explicit audience(std::string_view way) : way_(way), from_thread_(way.ends_with("_thread")) {}

  asio::awaitable<void> serve(kw::net::websocket& ws) {
    int const number = next_++;
    kw::hub<int>::seat seat;
    if (way_.starts_with("hub")) {
      seat = users_.join(number, ws);
      seat.enter("room");
    } else if (way_.starts_with("remote")) {
      remotes_.emplace(number, ws.remote());
    } else {
      websockets_.emplace(number, &ws);
    }
    while (kw::message msg = co_await ws.receive()) {
      std::vector<std::byte> const told(msg.bytes().begin(), msg.bytes().end());
      if (from_thread_) {
        asio::post(publisher_, [this, told] { publish(told); });
      } else {
        publish(told);
      }
    }
    remotes_.erase(number);
    websockets_.erase(number);
  }

 private:
  void publish(payload told) {
    for (auto times = static_cast<int>(told[0]); times != 0; --times) publish_once(told.subspan(1));
  }
  void publish_once(payload one) {
    if (way_.starts_with("hub")) {
      room_.publish(one);
    } else if (way_.starts_with("remote")) {
      for (auto& [number, each] : remotes_) static_cast<void>(each.send(one));
    } else {
      for (auto& [number, each] : websockets_) static_cast<void>(each->try_send(one));
    }
  }

  std::string_view const way_;
  bool const from_thread_;
  int next_ = 0;
  // A reader that is behind is given the newest.
  kw::hub<int> users_{{.rooms = {.slow = kw::slow_reader::drop_oldest}}};
  kw::hub<int>::room_type const room_ = users_.room("room");
  std::map<int, kw::net::remote> remotes_;
  std::map<int, kw::net::websocket*> websockets_;
  asio::thread_pool publisher_{1};
};

}  // namespace

int main(int, char** values) {
  asio::io_context io{1};
  // The load answers no pings.
  kw::net::server server{io, {.connection = {.ping_interval = 0s}, .strands = false}};
  audience all(values[1]);
  server.websocket("/", [&](kw::net::websocket& ws) { return all.serve(ws); });
  server.start();
  std::printf("%u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  io.run();
}
