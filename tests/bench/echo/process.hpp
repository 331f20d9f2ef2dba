// What a server has used so far, as the load sees it from outside.
#pragma once

#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "../harness.hpp"

namespace bench {

inline double clock_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

struct usage {
  double cpu = 0, user = 0, system = 0;  // ns

  // schedstat's first number is exact to a tick of the scheduler, 4 ms; the ticks of `stat` only say how it
  // divides.
  static usage of(std::string const& pid) {
    usage result;
    for (auto const& thread : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
      double cpu = 0;
      std::ifstream(thread.path() / "schedstat") >> cpu;
      result.cpu += cpu;
    }
    std::string line;
    std::getline(std::ifstream("/proc/" + pid + "/stat").seekg(0), line);
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    fields >> result.user >> result.system;
    double const tick = 1e9 / static_cast<double>(sysconf(_SC_CLK_TCK));
    result.user *= tick;
    result.system *= tick;
    if (result.cpu == 0) give_up("no /proc/" + pid + "/schedstat");
    return result;
  }
};

/// Bytes of memory.
inline double resident(std::string const& pid) {
  double total = 0, pages = 0;
  std::ifstream("/proc/" + pid + "/statm") >> total >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace bench
