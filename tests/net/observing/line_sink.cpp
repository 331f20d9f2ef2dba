#include <kindwire/net/observing/line_sink.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace line_sink_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

TEST_CASE("line sink: times as RFC 3339 has them") {
  auto const written = [](std::chrono::system_clock::duration since_1970) {
    std::string out;
    kw::net::detail::append_time(out, std::chrono::system_clock::time_point(since_1970));
    return out;
  };
  CHECK(written(0s) == "1970-01-01T00:00:00.000Z");
  CHECK(written(951'782'399'999ms) == "2000-02-28T23:59:59.999Z");
  CHECK(written(951'782'400'001ms) == "2000-02-29T00:00:00.001Z");
  CHECK(written(-1ms) == "1969-12-31T23:59:59.999Z");
  CHECK(written(1'234'567'890s + 45ms) == "2009-02-13T23:31:30.045Z");
}

TEST_CASE("line sink: paths without their queries, and texts of bounded length") {
  auto const path = [](std::string_view target) {
    std::string out;
    kw::net::detail::append_path(out, target);
    return out;
  };
  CHECK(path("") == "\"\"");
  CHECK(path("/a?token=1") == "\"/a\"");
  CHECK(path("/?a?b") == "\"/\"");
  CHECK(path("/" + std::string(199, 'a')) == "\"/" + std::string(199, 'a') + '"');
  CHECK(path("/" + std::string(200, 'a')) == "\"/" + std::string(199, 'a') + "\"...");
}

TEST_CASE("line sink: a line that cannot be made or written is counted") {
  std::ostringstream out;
  kw::net::detail::line_sink sink(kw::net::detail::lines_to(out));
  sink.put([](std::string& line) { line = "one"; });
  sink.put([](std::string&) { throw std::runtime_error("on purpose"); });
  CHECK(sink.lost() == 1);
  out.setstate(std::ios::badbit);
  sink.put([](std::string& line) { line = "two"; });
  CHECK(sink.lost() == 2);
  sink.put([](std::string& line) { line = "three"; });
  CHECK(out.str() == "one\nthree\n");
  CHECK(sink.lost() == 2);
}

}  // namespace line_sink_tests
