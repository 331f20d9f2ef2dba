// What Boost.Beast reads from and writes to in memory.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <string>

#include "parties.hpp"

namespace bench {

namespace beast = boost::beast;
namespace asio = boost::asio;

/// Gives what lies in `input`, takes everything, and answers a client's opening request.
class memory_stream {
 public:
  using executor_type = asio::io_context::executor_type;

  explicit memory_stream(executor_type executor) : executor_(executor) {}
  executor_type get_executor() const { return executor_; }

  template <class Buffers>
  std::size_t read_some(Buffers const& to, beast::error_code& failure) {
    std::size_t const size = asio::buffer_copy(to, asio::buffer(input.data, std::min(input.size, read_size)));
    if (size == 0) failure = asio::error::eof;
    input = input.sub(size, input.size - size);
    return size;
  }
  template <class Buffers>
  std::size_t read_some(Buffers const& to) {
    beast::error_code failure;
    std::size_t const size = read_some(to, failure);
    if (failure) throw beast::system_error(failure);
    return size;
  }

  template <class Buffers>
  std::size_t write_some(Buffers const& from, beast::error_code&) {
    return write_some(from);
  }
  template <class Buffers>
  std::size_t write_some(Buffers const& from) {
    std::size_t const size = beast::buffer_bytes(from);
    if (answers) {
      request_ += beast::buffers_to_string(from);
      if (request_.find("\r\n\r\n") != std::string::npos) {
        reply_ = accept_for(request_);
        input = {reinterpret_cast<unsigned char const*>(reply_.data()), reply_.size()};
        answers = false;
      }
    }
    for (auto const buffer : beast::buffers_range_ref(from)) use(buffer.data());
    if (copy != nullptr) *copy += beast::buffers_to_string(from);
    written += size;
    return size;
  }

  bytes input;
  bool answers = false;
  std::size_t written = 0;
  std::string* copy = nullptr;  // where the bytes go, if anybody wants to see them

 private:
  executor_type executor_;
  std::string request_;
  std::string reply_;
};

inline void teardown(beast::role_type, memory_stream&, beast::error_code&) {}

template <class Stream>
void receive_all(Stream& stream, beast::flat_buffer& buffer, bytes wire, std::size_t messages,
                 delivered& got) {
  stream.next_layer().input = wire;
  for (; messages != 0; --messages) {
    beast::error_code failure;
    stream.read(buffer, failure);
    if (failure) give_up("beast: " + failure.message());
    got.add(static_cast<unsigned char const*>(buffer.data().data()), buffer.size());
    buffer.clear();
  }
}

}  // namespace bench
