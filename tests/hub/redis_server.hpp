// A Redis server of the test's own, and a way to it that may be cut.
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <kindwire/hub/redis/command.hpp>
#include <kindwire/hub/redis/reply.hpp>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../support/free_port.hpp"

namespace test {

// In a process just forked: a test that crashes leaves nothing behind.
inline void end_with_parent() noexcept {
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
}

// Started by its command line, ended by its process id.
class redis_server {
 public:
  using arguments = std::vector<std::string>;

  // `config` is for what cannot be said by arguments.
  explicit redis_server(arguments more = {"--save", "", "--appendonly", "no"}, std::string const& config = {})
      : port_(free_port()), more_(std::move(more)) {
    char name[] = "/tmp/kindwire-redis-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("no folder for Redis");
    folder_ = name;
    std::ofstream(folder_ + "/conf") << config;
    start();
  }
  redis_server(redis_server const&) = delete;
  redis_server& operator=(redis_server const&) = delete;
  ~redis_server() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void start() {
    begin();
    for (int i = 0; i != 600; ++i) {
      if (answers()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    kill();
    throw std::runtime_error("redis-server does not answer");
  }
  // Without waiting until it answers.
  void begin() {
    arguments words{"redis-server", folder_ + "/conf",     "--bind",      "127.0.0.1",
                    "--port",       std::to_string(port_), "--dir",       folder_,
                    "--logfile",    folder_ + "/log",      "--daemonize", "no"};
    words.insert(words.end(), more_.begin(), more_.end());
    start_program(words);
  }
  void kill() noexcept {
    if (process_ <= 0) return;
    ::kill(process_, SIGCONT);
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  void pause() const { ::kill(process_, SIGSTOP); }
  void go_on() const { ::kill(process_, SIGCONT); }

  std::uint16_t port() const noexcept { return port_; }
  std::string const& folder() const noexcept { return folder_; }

  // The answer as it is sent, to a command of words without spaces: for what the test alone wants to know.
  std::string ask(std::string const& command) const { return ask_as_sent(command + "\r\n"); }
  std::string ask(std::string const& command, std::string const& password) const {
    return ask_as_sent("AUTH " + password + "\r\n" + command + "\r\n", 2);
  }
  std::string ask(std::vector<std::string_view> const& words) const {
    std::string command;
    kindwire::detail::append_redis_command(command, words);
    return ask_as_sent(command);
  }

 private:
  std::string ask_as_sent(std::string const& command, int answers = 1) const {
    asio::io_context io;
    asio::ip::tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), port_});
    std::error_code failure;  // it may refuse clients
    asio::write(socket, asio::buffer(command), failure);
    kindwire::detail::redis_reply_reader reader(std::size_t{1} << 20);
    std::string answer;
    std::array<char, 4096> some;
    while (!failure && answers != 0) {
      if (reader.next(failure)) {
        --answers;
        continue;
      }
      std::size_t const size = socket.read_some(asio::buffer(some), failure);
      reader.feed(some.data(), size);
      answer.append(some.data(), size);
    }
    return answer;
  }

  void start_program(arguments const& words) {
    std::vector<char*> pointers;
    for (auto const& each : words) pointers.push_back(const_cast<char*>(each.c_str()));
    pointers.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      end_with_parent();
      ::execvp(pointers[0], pointers.data());
      ::_exit(127);
    }
    if (process_ < 0) throw std::runtime_error("no process for Redis");
  }
  bool answers() const {
    try {
      std::string const answer = ask("PING");
      return answer.starts_with("+PONG") || answer.starts_with("-NOAUTH");
    } catch (std::system_error const&) {
      return false;
    }
  }

  std::uint16_t const port_;
  arguments const more_;
  std::string folder_;
  ::pid_t process_ = 0;
};

// Passes on what comes to its port, in a thread of its own.
class cut_proxy {
 public:
  using tcp = asio::ip::tcp;

  explicit cut_proxy(std::uint16_t to) : cut_proxy(std::vector{to}) {}
  // Each connection goes to the next of these, and all others to the last.
  explicit cut_proxy(std::vector<std::uint16_t> to) : to_(std::move(to)) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~cut_proxy() {
    asio::post(io_, [this] {
      std::error_code ignored;
      acceptor_.close(ignored);
      close_all();
    });
    guard_.reset();
    io_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  // All connections end, those to come at once. What has been asked is passed on, its answers are not.
  void cut() {
    run([this] {
      is_cut_ = true;
      close_all();
    });
  }
  void mend() {
    run([this] { is_cut_ = false; });
  }

 private:
  struct passing {
    explicit passing(asio::io_context& io) : client(io), server(io) {}
    tcp::socket client;
    tcp::socket server;
    std::array<char, 16384> asked;
    std::array<char, 16384> answered;
  };

  template <class Work>
  void run(Work work) {
    std::promise<void> done;
    asio::post(io_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void accept() {
    auto next = std::make_shared<passing>(io_);
    acceptor_.async_accept(next->client, [this, next](std::error_code failure) {
      if (failure) return;
      accept();
      if (is_cut_) return;
      std::error_code refused;
      std::uint16_t const to = to_[passed_ < to_.size() ? passed_ : to_.size() - 1];
      ++passed_;
      next->server.connect({asio::ip::make_address("127.0.0.1"), to}, refused);
      if (refused) return;
      all_.insert(next);
      pass(next, next->client, next->server, next->asked);
      pass(next, next->server, next->client, next->answered);
    });
  }
  void pass(std::shared_ptr<passing> const& of, tcp::socket& from, tcp::socket& to,
            std::array<char, 16384>& bytes) {
    from.async_read_some(asio::buffer(bytes),
                         [=, this, &from, &to, &bytes](std::error_code failure, std::size_t size) {
                           if (failure) return close(of);
                           asio::async_write(to, asio::buffer(bytes, size),
                                             [=, this, &from, &to, &bytes](std::error_code why, std::size_t) {
                                               if (why) return close(of);
                                               pass(of, from, to, bytes);
                                             });
                         });
  }
  void close(std::shared_ptr<passing> const& what) {
    std::error_code ignored;
    what->client.close(ignored);
    what->server.close(ignored);
    all_.erase(what);
  }
  void close_all() {
    for (auto const& each : std::exchange(all_, {})) {
      // What the client has sent is still to be read by Redis.
      std::error_code ignored;
      std::size_t const size = each->client.available(ignored);
      std::vector<char> rest(size);
      if (size != 0) each->client.read_some(asio::buffer(rest), ignored);
      if (size != 0) asio::write(each->server, asio::buffer(rest), ignored);
      close(each);
    }
  }

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(io_);
  std::vector<std::uint16_t> const to_;
  std::size_t passed_ = 0;
  tcp::acceptor acceptor_{io_, {asio::ip::make_address("127.0.0.1"), 0}};
  std::uint16_t port_ = acceptor_.local_endpoint().port();
  std::set<std::shared_ptr<passing>> all_;
  bool is_cut_ = false;
  std::thread thread_;
};

}  // namespace test
