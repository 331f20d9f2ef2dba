// What the programs of the benchmark share: how long something takes, in rounds that take turns, and the line
// that each measurement becomes. C++17, since websocketpp needs it.
//
// A line is `CASE UNIT PARTY VALUE`; results.py makes medians and tables of them. The party is `ours`,
// `limit` (what the machine can do: a plain memcpy, a bare epoll loop), or a peer's name.
#pragma once

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct bytes {
  unsigned char const* data = nullptr;
  std::size_t size = 0;

  bytes sub(std::size_t from, std::size_t length) const { return {data + from, length}; }
};

/// Ends the program: a benchmark that does not do its work measures nothing.
[[noreturn]] inline void give_up(std::string const& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

/// Keeps the compiler from leaving out what fills `place`.
inline void use(void const* place) { asm volatile("" : : "r"(place) : "memory"); }

/// CPU time of this thread, in ns: what else runs on the machine counts less than with a wall clock.
inline double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

struct settings {
  int rounds = 11;
  double milliseconds = 20;   // for one party in one round
  std::string only;           // the beginning of the cases' names that are wanted
  std::size_t batch = 65536;  // bytes that are queued before they are written; 0: each message alone

  settings(int count, char** values) {
    for (int i = 1; i < count; i += 2) {
      std::string const name = values[i];
      if (i + 1 == count) give_up("no value for " + name);
      if (name == "--rounds") {
        rounds = std::atoi(values[i + 1]);
      } else if (name == "--milliseconds") {
        milliseconds = std::atof(values[i + 1]);
      } else if (name == "--only") {
        only = values[i + 1];
      } else if (name == "--batch") {
        batch = static_cast<std::size_t>(std::atoll(values[i + 1]));
      } else {
        give_up("usage: [--rounds N] [--milliseconds N] [--only CASE] [--batch BYTES]");
      }
    }
  }

  bool wants(std::string const& name) const { return name.compare(0, only.size(), only) == 0; }
};

inline void print(std::string const& name, std::string const& unit, std::string const& party, double value) {
  std::printf("%s %s %s %.6g\n", name.c_str(), unit.c_str(), party.c_str(), value);
  std::fflush(stdout);
}

struct contender {
  std::string party;
  std::function<void()> pass;  // works through the whole input once
};

/// Runs the contenders in turn, round after round, so that whatever slows the machine down meets all of them.
/// Each repeats its pass until `milliseconds` are over. The first pass, which is not measured, warms up
/// caches and pools.
inline void measure(settings const& how, std::string const& name, std::string const& unit,
                    double units_a_pass, std::vector<contender> const& contenders) {
  std::vector<long> repeats;
  for (auto const& each : contenders) {
    each.pass();
    double const began = now();
    each.pass();
    double const took = std::max(now() - began, 100.0);
    repeats.push_back(std::max(1L, std::lround(how.milliseconds * 1e6 / took)));
  }
  for (int round = 0; round < how.rounds; ++round) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      double const began = now();
      for (long n = repeats[i]; n > 0; --n) contenders[i].pass();
      double const took = now() - began;
      print(name, unit, contenders[i].party, took / (static_cast<double>(repeats[i]) * units_a_pass));
    }
  }
}

/// A party of the benchmark adds itself to the list of its kind by a static object, so that one whose library
/// is missing is simply not linked. Ours comes first, then the peers by name, the limit last.
template <class Make>
struct registry {
  struct entry {
    std::string party;
    Make make;
  };

  static std::vector<entry>& all() {
    static std::vector<entry> list;
    return list;
  }

  registry(std::string party, Make make) {
    auto rank = [](std::string const& of) { return of == "ours" ? "0" : of == "limit" ? "2" : "1" + of; };
    all().push_back({std::move(party), std::move(make)});
    std::sort(all().begin(), all().end(), [&](entry const& a, entry const& b) {
      return std::string(rank(a.party)) < std::string(rank(b.party));
    });
  }
};

}  // namespace bench
