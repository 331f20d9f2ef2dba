// What the least of servers does with the bytes of an echo: it turns a client's frames into a server's where
// they lie. It checks nothing, and echoes a message before it is whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <kindwire/handshake/accept_key.hpp>
#include <string>
#include <string_view>

namespace bench {

class bare_echo {
 public:
  static constexpr std::size_t head_room = 16;  // for the part of a header that came in the read before
  static constexpr std::size_t read_size = 65536;

  // There is head_room in front of the input. What is to be sent lies there, or here, until the next call.
  std::string_view answer(unsigned char* input, std::size_t size) {
    if (!is_open_) return open({reinterpret_cast<char*>(input), size});
    unsigned char* const start = input - header_size_;
    std::memcpy(start, header_, header_size_);
    header_size_ = 0;
    unsigned char* const end = turn(start, start, input + size);
    return {reinterpret_cast<char*>(start), static_cast<std::size_t>(end - start)};
  }

 private:
  static void unmask(unsigned char* to, unsigned char const* from, std::size_t size, std::uint64_t& key) {
    std::size_t i = 0;
    for (; i + 8 <= size; i += 8) {
      std::uint64_t word;
      std::memcpy(&word, from + i, 8);
      word ^= key;
      std::memcpy(to + i, &word, 8);
    }
    for (std::size_t phase = 0; i < size; ++i, ++phase)
      to[i] = from[i] ^ static_cast<unsigned char>(key >> (8 * phase));
    if (unsigned const shift = size % 4 * 8; shift != 0) key = key >> shift | key << (64 - shift);
  }

  // Makes a server's frames of the bytes from `from` to `end`, in place from `to` on; returns where they end.
  // A server's header is shorter, so what is written never overtakes what is read.
  unsigned char* turn(unsigned char* to, unsigned char* from, unsigned char* const end) {
    while (from != end) {
      if (rest_ == 0) {
        auto const left = static_cast<std::size_t>(end - from);
        std::size_t const wide = left < 2 ? 0 : (from[1] & 127) == 127 ? 8 : (from[1] & 127) == 126 ? 2 : 0;
        if (left < 6 + wide) {
          std::memcpy(header_, from, left);
          header_size_ = left;
          return to;
        }
        std::uint64_t length = wide == 0 ? from[1] & 127u : 0;
        for (std::size_t i = 0; i < wide; ++i) length = length << 8 | from[2 + i];
        std::uint32_t key;
        std::memcpy(&key, from + 2 + wide, 4);
        key_ = std::uint64_t{key} << 32 | key;
        rest_ = length;
        from[1] &= 127;
        std::memmove(to, from, 2 + wide);
        to += 2 + wide;
        from += 6 + wide;
      }
      std::size_t const part = std::min(rest_, static_cast<std::size_t>(end - from));
      unmask(to, from, part, key_);
      to += part;
      from += part;
      rest_ -= part;
    }
    return to;
  }

  std::string_view open(std::string_view bytes) {
    head_ += bytes;
    if (head_.find("\r\n\r\n") == std::string::npos) return {};
    std::string const field = "Sec-WebSocket-Key: ";
    std::string const key = head_.substr(head_.find(field) + field.size(), 24);
    head_ =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Accept: " +
        kindwire::accept_key(key) + "\r\n\r\n";
    is_open_ = true;
    return head_;
  }

  bool is_open_ = false;
  unsigned char header_[14];
  std::size_t header_size_ = 0;
  std::size_t rest_ = 0;  // of the payload
  std::uint64_t key_ = 0;
  std::string head_;  // the request, then the answer to it
};

}  // namespace bench
