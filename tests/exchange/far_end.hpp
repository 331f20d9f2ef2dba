// A websocket whose peer is the test, and messages as the two say them to each other.
#pragma once

#include <asio/io_context.hpp>
#include <kindwire/net/websocket.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/faults.hpp"
#include "net/test_stream.hpp"

namespace test {

struct far_end {
  explicit far_end(kindwire::role self, kindwire::net::connection_options const& options = {})
      : far(std::make_shared<peer>(io.get_executor())),
        ws(stream(far), self, options),
        of(self == kindwire::role::server ? kindwire::role::client : kindwire::role::server) {
    settle();
  }
  ~far_end() { far->drop(); }

  void settle() { test::settle(io); }

  void say(std::string_view text) { far->push_frame(of, kindwire::opcode::text, text); }
  void say_close(unsigned code = 1000) { far->push_close(of, code); }

  // What our side wrote since the last call; a Close as its code.
  std::vector<std::string> heard() {
    settle();
    std::vector<std::string> all;
    auto const frames = frames_in(far->written(), of);
    for (; seen != frames.size(); ++seen) {
      auto const& [type, bytes] = frames[seen];
      if (type == kindwire::opcode::close && bytes.size() >= 2) {
        auto const code = static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]);
        all.push_back("close " + std::to_string(code) + ' ' + bytes.substr(2));
      } else {
        all.push_back(bytes);
      }
    }
    return all;
  }

  asio::io_context io;
  std::shared_ptr<peer> far;
  kindwire::net::basic_websocket<stream> ws;
  kindwire::role of;  // the far end's
  std::size_t seen = 0;
};

using texts = std::vector<std::string>;

}  // namespace test
