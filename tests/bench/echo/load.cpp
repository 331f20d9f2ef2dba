// The load: keeps a number of messages under way on each of many connections to an echo server, and reads
// what CPU time the server takes for them. One thread, which the caller pins to a core of its own.
//
//     load PORT PID CONNECTIONS OUTSTANDING SIZE WARM_UP_MS MEASURE_MS [active=N] [flood=SIZE] [busy=1]
//     [rate=N]
//
// With `active` only so many connections have something under way at a time: what comes back on one goes out
// on the one that has waited longest. With `flood` one connection more sends messages of that size as fast as
// they are taken, and is not counted. With `busy` it never sleeps, so that no send of the server's pays for
// waking it. With `rate` so many messages a second begin their round trip, as far as a connection is free;
// OUTSTANDING is 1.
//
// Prints `MESSAGES CPU_NS USER_NS SYSTEM_NS P50_NS P99_NS` of the measured time; the last two are round
// trips. If MEASURE_MS is 0, it does so for each number of milliseconds that it reads, and is quiet in
// between.
#include <sys/epoll.h>

#include <cerrno>
#include <deque>
#include <iostream>
#include <vector>

#include "client.hpp"
#include "process.hpp"

using namespace bench;

namespace {

struct load {
  std::string payload;
  std::string block;  // one frame for each message that is under way
  std::size_t frame = 0;
  std::vector<char> input = std::vector<char>(std::size_t{1} << 20);
  std::size_t messages = 0;
  std::size_t outstanding = 0;  // on a connection
  bool ends = false;            // what comes back does not go out again
  bool timed = false;
  std::vector<float> trips;
};

class connection {
 public:
  connection(wire with, int poll, bool floods) : wire_(with), poll_(poll), floods_(floods) {
    never_block(with.socket());
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.ptr = this;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, with.socket(), &event);
  }

  bool floods() const { return floods_; }

  // What is not under way goes out.
  void start(load& of) {
    owed_ += (of.outstanding - under_way_) * of.frame;
    under_way_ = of.outstanding;
    send(of);
  }
  // The same for a message whose time was `at`.
  void start(load& of, double at) {
    start(of);
    sent_at_ = at;
  }
  bool idle() const { return under_way_ == 0; }

  // Takes what has come. True once nothing is under way any more: then start() begins anew.
  bool on_event(load& of) {
    receive(of);
    return owed_ == of.block.size();
  }

  // What was taken has to go out again on this connection, or the rest of it.
  void send(load& of) {
    if (owed_ != 0) sent_at_ = clock_ns();
    write(of);
    bool const waits = owed_ != 0;
    if (waits == waits_) return;
    waits_ = waits;
    epoll_event event = {};
    event.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = this;
    ::epoll_ctl(poll_, EPOLL_CTL_MOD, wire_.socket(), &event);
  }

  // At most 64 KiB a turn, taken or not, so that the load itself has time for the others; the replies are
  // thrown away where they lie.
  void flood(load& of) {
    owed_ = std::min<std::size_t>(of.block.size() - at_, 65536);
    write(of);
    if (::recv(wire_.socket(), of.input.data(), of.input.size(), MSG_TRUNC) == 0)
      give_up("the server ended the flood");
  }

 private:
  void receive(load& of) {
    ssize_t const got = wire_.receive(of.input.data(), of.input.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) give_up("the server ended a connection");
    char const* data = of.input.data();
    auto left = static_cast<std::size_t>(got);
    std::size_t replies = 0;
    while (left != 0) {
      if (rest_ == 0) {
        header_[header_size_++] = *data++;
        --left;
        if (header_size_ < 2) continue;
        auto const length = static_cast<unsigned char>(header_[1]);
        std::size_t const wide = length == 127 ? 8 : length == 126 ? 2 : 0;
        if (header_size_ < 2 + wide) continue;
        rest_ = wide == 0 ? length : 0;
        for (std::size_t i = 0; i < wide; ++i)
          rest_ = rest_ << 8 | static_cast<unsigned char>(header_[2 + i]);
        if (rest_ == 0) give_up("an empty reply");
      }
      std::size_t const part = std::min(left, rest_);
      if (!checked_) first_.append(data, part);
      data += part;
      left -= part;
      rest_ -= part;
      if (rest_ != 0) continue;
      bool const last = (header_[0] & 0x80) != 0;
      header_size_ = 0;
      if (!last) continue;
      ++replies;
      // Each connection's first reply is compared whole; then only frames are counted.
      if (!checked_ && first_ != of.payload) give_up("the reply is not what was sent");
      checked_ = true;
    }
    if (replies == 0) return;
    of.messages += replies;
    if (of.ends) {
      under_way_ -= replies;
    } else {
      owed_ += replies * of.frame;
    }
    if (of.timed) of.trips.push_back(static_cast<float>(clock_ns() - sent_at_));
  }

  void write(load& of) {
    while (owed_ != 0) {
      ssize_t const sent = wire_.send(of.block.data() + at_, std::min(owed_, of.block.size() - at_));
      if (sent <= 0) {
        if (errno != EAGAIN) give_up("the server ended a connection");
        break;
      }
      at_ = (at_ + static_cast<std::size_t>(sent)) % of.block.size();
      owed_ -= static_cast<std::size_t>(sent);
    }
  }

  wire wire_;
  int poll_;
  bool floods_;
  bool waits_ = false;
  bool checked_ = false;
  std::string first_;
  char header_[10];
  std::size_t header_size_ = 0;
  std::size_t rest_ = 0;  // of the payload of the frame that is coming
  std::size_t at_ = 0;    // in the block
  std::size_t owed_ = 0;
  std::size_t under_way_ = 0;  // messages
  double sent_at_ = 0;
};

load make_load(std::size_t size, std::size_t outstanding) {
  load result;
  result.payload = random_payload(size);
  std::mt19937 keys(7);
  for (std::size_t i = 0; i < outstanding; ++i)
    result.block += masked_frame(result.payload, static_cast<std::uint32_t>(keys()));
  result.frame = result.block.size() / outstanding;
  result.outstanding = outstanding;
  return result;
}

}  // namespace

int main(int count, char** values) {
  if (count < 8) {
    give_up(
        "usage: load PORT PID CONNECTIONS OUTSTANDING SIZE WARM_UP_MS MEASURE_MS [active=N] [flood=SIZE]");
  }
  auto const number = [&](int i) { return static_cast<std::size_t>(std::atoll(values[i])); };
  auto const port = static_cast<std::uint16_t>(number(1));
  std::string const pid = values[2];
  std::size_t const connections = number(3);
  load counted = make_load(number(5), number(4));
  std::size_t active = connections;
  std::size_t rate = 0;
  bool busy = false;
  load flooding;
  for (int i = 8; i < count; ++i) {
    std::string const option = values[i];
    auto const value = static_cast<std::size_t>(std::atoll(option.c_str() + option.find('=') + 1));
    if (option.rfind("active=", 0) == 0 && value != 0) {
      active = std::min(active, value);
    } else if (option.rfind("flood=", 0) == 0 && value != 0) {
      flooding = make_load(value, std::max<std::size_t>(1, 65536 / value));
    } else if (option.rfind("busy=", 0) == 0) {
      busy = value != 0;
    } else if (option.rfind("rate=", 0) == 0) {
      rate = value;
    } else {
      give_up("what is " + option);
    }
  }
  bool const floods = !flooding.block.empty();

  int const poll = ::epoll_create1(0);
  std::vector<connection> all;
  all.reserve(connections + 1);  // epoll knows them by their address
  for (std::size_t i = 0; i < connections + (floods ? 1 : 0); ++i)
    all.emplace_back(open_connection(port, i), poll, i == connections);
  std::deque<connection*> waiting;
  auto const start = [&] {
    counted.ends = rate != 0;
    waiting.clear();
    for (std::size_t i = 0; i < connections && rate == 0; ++i) {
      if (i < active) {
        all[i].start(counted);
      } else {
        waiting.push_back(&all[i]);
      }
    }
  };

  auto const serve = [&](connection& each) {
    if (each.on_event(counted) && !waiting.empty()) {
      waiting.push_back(&each);
      waiting.front()->start(counted);
      waiting.pop_front();
    } else {
      each.send(counted);
    }
  };
  auto const turn = [&] {
    epoll_event events[512];
    int const ready = ::epoll_wait(poll, events, 512, floods || busy || rate != 0 ? 0 : 100);
    for (int i = 0; i < ready; ++i) {
      auto& each = *static_cast<connection*>(events[i].data.ptr);
      if (!each.floods()) serve(each);
    }
    if (floods) all.back().flood(flooding);
  };
  double due = 0;
  std::size_t next = 0;
  auto const run = [&](double milliseconds) {
    double const until = clock_ns() + milliseconds * 1e6;
    if (rate != 0) due = clock_ns();
    while (clock_ns() < until) {
      for (; rate != 0 && due <= clock_ns(); due += 1e9 / static_cast<double>(rate)) {
        for (std::size_t tries = 0; tries != connections && !all[next % connections].idle(); ++tries) ++next;
        if (all[next % connections].idle()) all[next++ % connections].start(counted, due);
      }
      turn();
    }
  };
  // Until all that is under way is back.
  auto const end = [&] {
    counted.ends = true;
    waiting.clear();
    auto const busy_one = [](connection const& each) { return !each.floods() && !each.idle(); };
    while (std::any_of(all.begin(), all.end(), busy_one)) turn();
  };
  auto const measure = [&](double warm_up, double milliseconds) {
    start();
    run(warm_up);
    counted.messages = 0;
    counted.trips.clear();
    counted.timed = true;
    usage const before = usage::of(pid);
    run(milliseconds);
    usage const after = usage::of(pid);
    counted.timed = false;
    if (counted.messages == 0) give_up("no message came back");
    std::sort(counted.trips.begin(), counted.trips.end());
    auto const percentile = [&](double share) {
      return static_cast<double>(
          counted.trips[static_cast<std::size_t>(share * static_cast<double>(counted.trips.size() - 1))]);
    };
    std::printf("%zu %.0f %.0f %.0f %.0f %.0f\n", counted.messages, after.cpu - before.cpu,
                after.user - before.user, after.system - before.system, percentile(0.5), percentile(0.99));
    std::fflush(stdout);
  };
  if (number(7) != 0) {
    measure(static_cast<double>(number(6)), static_cast<double>(number(7)));
    return 0;
  }
  for (double milliseconds; std::cin >> milliseconds;) {
    measure(static_cast<double>(number(6)), milliseconds);
    end();
  }
}
