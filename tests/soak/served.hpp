// The server's process, and what it says of itself.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

extern char** environ;

namespace soak {

using figures = std::map<std::string, std::int64_t>;

class served {
 public:
  served(asio::io_context& io, std::string program) : to_(io), from_(io) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&files, out[1], 1);
    char* const words[] = {program.data(), nullptr};
    int const failure = ::posix_spawn(&process_, program.c_str(), &files, nullptr, words, environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::close(in[0]);
    ::close(out[1]);
    to_.assign(in[1]);
    from_.assign(out[0]);
    if (failure != 0) throw std::runtime_error("cannot start " + program);
  }
  served(served const&) = delete;
  served& operator=(served const&) = delete;
  ~served() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  asio::awaitable<figures> tell(std::string_view command) {
    output_ = std::string(command) + '\n';
    return ask();
  }

  // Its exit status once it has ended by itself; -1 if it was killed.
  int end() {
    to_.close();
    int status = 0;
    ::waitpid(std::exchange(process_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  asio::awaitable<figures> ask() {
    co_await asio::async_write(to_, asio::buffer(output_), asio::use_awaitable);
    std::size_t const size =
        co_await asio::async_read_until(from_, asio::dynamic_buffer(input_), '\n', asio::use_awaitable);
    std::istringstream words(input_.substr(0, size));
    input_.erase(0, size);
    figures result;
    std::string name;
    std::int64_t value = 0;
    while (words >> name >> value) result[name] = value;
    co_return result;
  }

  asio::posix::stream_descriptor to_;
  asio::posix::stream_descriptor from_;
  std::string input_;
  std::string output_;
  pid_t process_ = 0;
};

}  // namespace soak
