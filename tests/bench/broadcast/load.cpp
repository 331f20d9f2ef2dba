// The load: many connections that only read what the server publishes to all of them. The first one has it
// publish, by a message whose first byte says how often the rest goes out; the next comes once all have got
// everything. So nothing waits in the server, and however long the load takes, the server sleeps meanwhile,
// once a turn. Never sleeps itself, so that no send of the server's pays for waking it.
//
//     broadcast_load PORT PID RECEIVERS MESSAGES SIZE [stalled=N]
//
// MESSAGES are published in a turn. With `stalled` so many of the receivers never read. For each number of
// milliseconds that it reads it prints `MESSAGES CPU_NS USER_NS SYSTEM_NS P50_NS P99_NS RESIDENT`: what was
// received, what the server used for it, how long after the publisher's message the turn was there, and the
// server's memory in bytes. A negative number stands for that many turns.
#include <sys/epoll.h>

#include <cerrno>
#include <iostream>
#include <string_view>
#include <vector>

#include "../echo/client.hpp"
#include "../echo/process.hpp"

using namespace bench;

namespace {

class receivers {
 public:
  receivers(std::uint16_t port, std::size_t count, std::size_t stalled, std::size_t messages,
            std::size_t size)
      : messages_(messages) {
    std::string const payload = random_payload(size);
    told_ = masked_frame(static_cast<char>(messages) + payload, 0x12345678);
    for (std::size_t i = 0; i != messages; ++i) expected_ += frame_header(size, false) + payload;
    // Those that stall stand among the others; the first one does not.
    std::size_t const every = stalled != 0 ? count / stalled : count + 1;
    for (std::size_t i = 0; i != count; ++i) {
      bool const stalls = i % every == every - 1 && i / every < stalled;
      wire const opened = open_connection(port, i, stalls);
      if (!stalls) all_.push_back({opened});
    }
    epoll_event event = {};
    event.events = EPOLLIN;
    for (one& each : all_) {
      never_block(each.with.socket());
      event.data.ptr = &each;
      ::epoll_ctl(poll_, EPOLL_CTL_ADD, each.with.socket(), &event);
    }
  }

  void turn() {
    double const began = clock_ns();
    send_whole(all_.front().with, told_.data(), told_.size());
    std::size_t whole = 0;
    while (whole != all_.size()) {
      epoll_event events[512];
      int const ready = ::epoll_wait(poll_, events, 512, 0);
      for (int i = 0; i < ready; ++i) {
        if (!receive(*static_cast<one*>(events[i].data.ptr))) continue;
        ++whole;
        trips_.push_back(static_cast<float>(clock_ns() - began));
      }
    }
    for (one& each : all_) each.got = 0;
    checked_ = true;
    received_ += messages_ * all_.size();
  }

  std::size_t received() const { return received_; }
  void forget() {
    received_ = 0;
    trips_.clear();
  }
  double percentile(double share) {
    std::sort(trips_.begin(), trips_.end());
    return static_cast<double>(
        trips_[static_cast<std::size_t>(share * static_cast<double>(trips_.size() - 1))]);
  }

 private:
  struct one {
    wire with;
    std::size_t got = 0;  // bytes of this turn
  };

  // True once it has all of the turn.
  bool receive(one& by) {
    ssize_t const got = by.with.receive(input_.data(), input_.size());
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) give_up("the server ended a connection");
    auto const size = static_cast<std::size_t>(got);
    // The first turn is compared whole; then only bytes are counted.
    bool const fits = size <= expected_.size() - by.got;
    if (!fits || (!checked_ && expected_.compare(by.got, size, input_.data(), size) != 0))
      give_up("that is not what was published");
    by.got += size;
    return by.got == expected_.size();
  }

  std::size_t const messages_;
  int const poll_ = ::epoll_create1(0);
  std::string told_;
  std::string expected_;
  std::vector<char> input_ = std::vector<char>(std::size_t{1} << 20);
  std::vector<one> all_;
  bool checked_ = false;
  std::size_t received_ = 0;
  std::vector<float> trips_;
};

}  // namespace

int main(int count, char** values) {
  if (count < 6) give_up("usage: broadcast_load PORT PID RECEIVERS MESSAGES SIZE [stalled=N]");
  auto const number = [&](int i) { return static_cast<std::size_t>(std::atoll(values[i])); };
  std::string const pid = values[2];
  std::string_view const option = count > 6 ? values[6] : "stalled=0";
  if (option.rfind("stalled=", 0) != 0) give_up("what is " + std::string(option));
  auto const stalled = static_cast<std::size_t>(std::atoll(option.data() + option.find('=') + 1));
  receivers all(static_cast<std::uint16_t>(number(1)), number(3), stalled, number(4), number(5));
  // Measured between turns, when the server sleeps: then its time is exact.
  for (double milliseconds; std::cin >> milliseconds;) {
    all.turn();
    all.forget();
    usage const before = usage::of(pid);
    double const until = clock_ns() + milliseconds * 1e6;
    for (double turns = 0; milliseconds < 0 ? turns < -milliseconds : clock_ns() < until; ++turns) all.turn();
    usage const after = usage::of(pid);
    std::printf("%zu %.0f %.0f %.0f %.0f %.0f %.0f\n", all.received(), after.cpu - before.cpu,
                after.user - before.user, after.system - before.system, all.percentile(0.5),
                all.percentile(0.99), resident(pid));
    std::fflush(stdout);
  }
}
