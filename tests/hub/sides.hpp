// Servers' ends of connections in one context, whose peers are the test.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <kindwire/frame/decoder.hpp>
#include <kindwire/message/message.hpp>
#include <kindwire/net/websocket.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../net/test_stream.hpp"

namespace test {

struct side {
  explicit side(asio::any_io_executor const& executor, kindwire::net::connection_options const& options = {},
                kindwire::role self = kindwire::role::server)
      : far(std::make_shared<peer>(executor)), ws(std::in_place, ready_stream(far), self, options) {}
  side(side&&) = default;
  ~side() {
    if (far) far->drop();
  }

  // The payload of each frame written since the last call; of a Close, its code.
  std::vector<std::string> heard() {
    std::string written = far->written();
    far->writes.clear();
    std::vector<std::string> all;
    std::span<std::byte> input{reinterpret_cast<std::byte*>(written.data()), written.size()};
    if (ws->is_open() || !written.empty()) read(input, all);
    return all;
  }

  std::shared_ptr<peer> far;
  std::optional<kindwire::net::basic_websocket<ready_stream>> ws;

 private:
  void read(std::span<std::byte> input, std::vector<std::string>& all) {
    kindwire::frame_decoder<kindwire::role::client> decoder;
    while (auto chunk = decoder.next(input)) {
      std::string text{kindwire::message(chunk.header->type, chunk.payload).text()};
      if (chunk.header->type == kindwire::opcode::close && text.size() >= 2)
        text = "close " + std::to_string(static_cast<unsigned char>(text[0]) * 256 +
                                         static_cast<unsigned char>(text[1]));
      all.push_back(std::move(text));
    }
  }
};

}  // namespace test
