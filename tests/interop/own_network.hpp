// A network of the test's own, in which a cable to another process can be pulled: then nothing arrives any
// more, and nobody is told.
#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace test {

inline bool run_command(std::string const& line) {
  int const status = std::system(line.c_str());
  return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// From here on this process, and those that it starts, are in a network that only has a loopback. False where
// the system does not allow that. Call it before there are threads.
inline bool enter_own_network() {
  std::string const user = std::to_string(::getuid()), group = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
    std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
  } else if (::unshare(CLONE_NEWNET) != 0) {
    return false;
  }
  return run_command("ip link set lo up");
}

// Between this process' network and that of another one, which has addresses of its own.
class cable {
 public:
  cable(int number, ::pid_t to) : number_(std::to_string(number)) {
    std::string const there = "nsenter -t " + std::to_string(to) + " -n ip ";
    bool const laid = run_command("ip link add " + name() + " type veth peer name far" + number_ + " netns " +
                                  std::to_string(to)) &&
                      run_command("ip addr add " + near_end() + "/30 dev " + name()) &&
                      run_command(there + "addr add " + far_end() + "/30 dev far" + number_) &&
                      run_command(there + "link set far" + number_ + " up") &&
                      run_command(there + "link set lo up");
    if (!laid) throw std::runtime_error("no cable can be laid");
    mend();
  }
  // It goes with the other process.
  void pull() const { set("down"); }
  void mend() const { set("up"); }

  static std::string near_end(int number) { return "10.77." + std::to_string(number) + ".1"; }
  static std::string far_end(int number) { return "10.77." + std::to_string(number) + ".2"; }

 private:
  std::string name() const { return "cable" + number_; }
  std::string near_end() const { return near_end(std::stoi(number_)); }
  std::string far_end() const { return far_end(std::stoi(number_)); }
  void set(std::string const& state) const {
    if (!run_command("ip link set " + name() + " " + state))
      throw std::runtime_error("a cable cannot be set " + state);
  }

  std::string number_;
};

// For a process that is to be in a network of its own: it waits there until its cables are laid.
class network_gate {
 public:
  network_gate() {
    if (::pipe(entered_.data()) != 0 || ::pipe(laid_.data()) != 0) throw std::runtime_error("no pipe");
  }
  network_gate(network_gate const&) = delete;
  network_gate& operator=(network_gate const&) = delete;
  ~network_gate() {
    for (int const each : {entered_[0], entered_[1], laid_[0], laid_[1]}) ::close(each);
  }

  // In the new process.
  bool enter() const noexcept {
    char byte = 'x';
    return ::unshare(CLONE_NEWNET) == 0 && ::write(entered_[1], &byte, 1) == 1 &&
           ::read(laid_[0], &byte, 1) == 1;
  }
  // In the one that started it. `lay` lays the cables.
  template <class Lay>
  void open(Lay lay) const {
    char byte = 'x';
    if (::read(entered_[0], &byte, 1) != 1) throw std::runtime_error("a process has no network");
    lay();
    if (::write(laid_[1], &byte, 1) != 1) throw std::runtime_error("a process waits for its network");
  }

 private:
  std::array<int, 2> entered_{};
  std::array<int, 2> laid_{};
};

}  // namespace test
