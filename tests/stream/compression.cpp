// An extension through the blocking websocket, with one that knows nothing of compression.
#include <kindwire/stream/websocket.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <kindwire/stream/memory.hpp>

#include "../support/toy_extension.hpp"

namespace stream_compression_tests {

namespace kw = kindwire;
using support::toy_negotiator;

namespace {

struct outcome {
  std::error_code client;
  std::string at_client;
  std::string at_server;
  std::string echoed;
  std::size_t sent = 0;
};

outcome talk(std::shared_ptr<kw::extension_negotiator const> client,
             std::shared_ptr<kw::extension_negotiator const> server, std::string_view extensions = {}) {
  auto [near, far] =
      kw::make_memory_streams({.max_read = 7, .max_write = 11}, {.max_read = 5, .max_write = 3});
  outcome result;
  std::thread serving([&result, server, stream = std::move(far)]() mutable {
    std::error_code failure;
    auto ws = kw::accept(std::move(stream), failure, {.compression = server});
    result.at_server = ws.extensions();
    while (kw::message const msg = ws.receive(failure)) ws.send(msg.type(), msg.bytes(), failure);
  });
  kw::client_options options;
  options.extensions = extensions;
  options.compression = std::move(client);
  auto ws = kw::connect(std::move(near), "ws://localhost/", result.client, options);
  if (!result.client) {
    result.at_client = ws.extensions();
    std::error_code failure;
    for (auto const how : {kw::compress::yes, kw::compress::no, kw::compress::yes}) {
      result.sent == 0 ? ws.send("hello", failure, how)
                       : ws.send(kw::prepared_message{"hello"}, failure, how);
      ++result.sent;
      CHECK_FALSE(failure);
      result.echoed += ws.receive(failure).text();
      CHECK_FALSE(failure);
    }
    ws.close(failure);
    CHECK_FALSE(failure);
  }
  serving.join();
  return result;
}

}  // namespace

TEST_CASE("both ends agree on an extension, and speak it") {
  auto const toy = std::make_shared<toy_negotiator>();
  auto const agreed = talk(toy, toy);
  CHECK_FALSE(agreed.client);
  CHECK(agreed.at_client == "toy; loud");
  CHECK(agreed.at_server == "toy; loud");
  CHECK(agreed.echoed == "hellohellohello");
  // One end alone does without; so do both if the server knows nothing of what is offered.
  for (auto const& [client, server] : {std::pair{toy, std::shared_ptr<toy_negotiator>{}},
                                       std::pair{std::shared_ptr<toy_negotiator>{}, toy}}) {
    auto const without = talk(client, server);
    CHECK_FALSE(without.client);
    CHECK(without.at_client.empty());
    CHECK(without.at_server.empty());
    CHECK(without.echoed == "hellohellohello");
  }
  CHECK(talk(toy, toy, "x-other; a=1").at_client == "toy; loud");
}

TEST_CASE("an answer that was not on offer fails the client's handshake") {
  for (std::string const answer : {"toy; bad", "toy, toy", "other"}) {
    CAPTURE(answer);
    auto [near, far] = kw::make_memory_streams();
    std::thread serving([&answer, stream = std::move(far)]() mutable {
      kw::server_handshake handshake;
      std::error_code failure;
      while (handshake.status() == kw::handshake_status::reading)
        handshake.commit(stream.read_some(handshake.prepare(2048), failure));
      std::string head =
          "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
          kw::accept_key(*handshake.request().headers().only("Sec-WebSocket-Key")) +
          "\r\nSec-WebSocket-Extensions: " + answer + "\r\n\r\n";
      CHECK(handshake.request().headers().only("Sec-WebSocket-Extensions") == "toy; loud, toy");
      kw::detail::write_all(stream, kw::detail::as_bytes(head));
      stream.close();
    });
    kw::client_options options;
    options.compression = std::make_shared<toy_negotiator>();
    std::error_code failure;
    auto const ws = kw::connect(std::move(near), "ws://localhost/", failure, options);
    CHECK(failure == kw::error::handshake_extension);
    CHECK_FALSE(ws);
    serving.join();
  }
}

}  // namespace stream_compression_tests
