#include <kindwire/session/print.hpp>

#include <doctest/doctest.h>

#include <kindwire/session.hpp>
#include <ostream>
#include <string_view>

namespace session_print_tests {

namespace kw = kindwire;

TEST_CASE("print: a session's state on its way") {
  kw::session ws{kw::role::client};
  CHECK(to_string(ws.state()) == std::string_view("OPEN"));
  CHECK_FALSE(ws.close(kw::close_code::normal));
  CHECK(to_string(ws.state()) == std::string_view("CLOSING"));
  ws.end_of_input();
  CHECK(to_string(ws.state()) == std::string_view("CLOSED"));
}

}  // namespace session_print_tests
