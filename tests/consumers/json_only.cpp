// Typed JSON without WebSocket.
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <cstdio>

#ifdef ASIO_STANDALONE
#error "kindwire::json brings Asio's flags along"
#endif

struct point {
  double x = 0;
  double y = 0;
  static constexpr auto schema =
      kindwire::object(kindwire::field("x", &point::x), kindwire::field("y", &point::y));
};

int main() {
  auto const read = kindwire::decode<point>(R"({"x":0.1,"y":12345678901234567890123e-30})");
  bool const right = read && *kindwire::to_json(*read) == R"({"x":0.1,"y":1.2345678901234567e-08})";
  std::puts(right ? "right" : "wrong");
  return right ? 0 : 1;
}
