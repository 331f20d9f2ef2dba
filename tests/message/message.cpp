#include <kindwire/message/message.hpp>

#include <doctest/doctest.h>

#include <type_traits>

#include "support/bytes.hpp"

namespace message_tests {

namespace {

namespace kw = kindwire;
using namespace support;

TEST_CASE("message: none is false and empty") {
  kw::message const none;
  CHECK_FALSE(none);
  CHECK_FALSE(none.is_text());
  CHECK_FALSE(none.is_binary());
  CHECK(none.size() == 0);
  CHECK(none.bytes().empty());
  CHECK(none.text().empty());
}

TEST_CASE("message: an empty one is still a message") {
  kw::message const empty{kw::message_type::text, {}};
  CHECK(empty);
  CHECK(empty.is_text());
  CHECK(empty.text().empty());
}

TEST_CASE("message: it is a view of the bytes that it was made of") {
  bytes const data = text("Hello");
  kw::message const binary{kw::message_type::binary, data};
  CHECK(binary.is_binary());
  CHECK_FALSE(binary.is_text());
  CHECK(binary.type() == kw::message_type::binary);
  CHECK(binary.size() == 5);
  CHECK(binary.bytes().data() == data.data());
  CHECK(binary.text() == "Hello");
  CHECK(static_cast<void const*>(binary.text().data()) == data.data());

  kw::message const ping{kw::message_type::ping, data};
  CHECK(ping);
  CHECK_FALSE(ping.is_binary());
  CHECK_FALSE(ping.is_text());
}

static_assert(std::is_trivially_copyable_v<kw::message>);

}  // namespace

}  // namespace message_tests
