// The table at the end of a run, and what of it is as it should be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "journal.hpp"
#include "served.hpp"

namespace soak {

// What the server said of itself after one round.
struct round_figures {
  figures idle;   // nobody is connected, for longer than all time-outs
  figures ended;  // and once it was destroyed with its threads
};

class verdict {
 public:
  void row(std::string const& what, std::int64_t value) const {
    std::printf("%-60s %14jd\n", what.c_str(), static_cast<std::intmax_t>(value));
  }

  void check(std::string const& what, bool holds, std::string const& why = {}) {
    ++(holds ? passed_ : failed_);
    std::printf("%s %s%s%s\n", holds ? "ok" : "FAILED", what.c_str(), why.empty() ? "" : ": ", why.c_str());
  }

  // What clients complain of.
  void complaints(journal const& log) {
    auto const found = log.judge();
    row("failures that are excused, as a process could not run",
        static_cast<std::int64_t>(found.excused.size()));
    if (!found.excused.empty()) std::printf("%s\n", some(found.excused).c_str() + 1);
    check("no client has anything to complain of", found.failed.empty(),
          found.failed.empty() ? "" : std::to_string(found.failed.size()) + " of them" + some(found.failed));
  }

  void equal(std::string const& what, std::int64_t is, std::int64_t should_be) {
    check(what, is == should_be, std::to_string(is) + ", and should be " + std::to_string(should_be));
  }
  void no_more(std::string const& what, std::int64_t is, std::int64_t before, std::int64_t allowed) {
    check(what, is <= before + allowed,
          std::to_string(is) + ", " + std::to_string(before) + " before, may grow by " +
              std::to_string(allowed));
  }

  // Of the server, against a round that has warmed it up.
  void compare(round_figures const& before, round_figures const& after) {
    for (char const* const each : {"connections", "handshakes", "seats", "handlers", "queued"})
      equal(std::string(each) + " of the idle server", after.idle.at(each), 0);
    equal("rooms of the idle server", after.idle.at("rooms"), 1);
    equal("handlers once it has ended", after.ended.at("handlers"), 0);
    equal("descriptors of the idle server", after.idle.at("descriptors"), before.idle.at("descriptors"));
    equal("descriptors once it has ended", after.ended.at("descriptors"), before.ended.at("descriptors"));
    if (after.ended.at("sanitized") != 0) return;
    constexpr std::int64_t KiB = 1024, MiB = 1024 * KiB;
    // Its two threads keep 4 to 32 MiB each for their next messages, depending on what they last needed.
    no_more("memory of the idle server", after.idle.at("resident"), before.idle.at("resident"), 64 * MiB);
    // Nothing is kept any more, so this is exact but for what the main thread and the C library keep: 16
    // bytes a visitor would be noticed within a minute.
    no_more("heap once it has ended", after.ended.at("heap"), before.ended.at("heap"), 128 * KiB);
    no_more("memory once it has ended", after.ended.at("resident"), before.ended.at("resident"), 8 * MiB);
  }

  // The last line, and the status of the program.
  int end() const {
    std::printf("%zu passed, %zu failed\n", passed_, failed_);
    return failed_ == 0 && passed_ != 0 ? 0 : 1;
  }

 private:
  // The first ones, a line each.
  static std::string some(std::vector<std::string> const& all) {
    constexpr std::size_t most = 12;
    std::string shown;
    for (std::size_t i = 0; i != all.size() && i != most; ++i) shown += "\n    " + all[i];
    return all.size() > most ? shown + "\n    ..." : shown;
  }

  std::size_t passed_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace soak
