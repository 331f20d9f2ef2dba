#include <kindwire/json/text/number_text.hpp>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>

#include <doctest/doctest.h>

namespace number_text_tests {

namespace {

template <class T>
std::string ours(T value) {
  char room[kindwire::detail::number_room];
  return {room, kindwire::detail::write_number(room, value)};
}

template <class T>
std::string expected(T value) {
  char room[kindwire::detail::number_room];
  if constexpr (std::is_floating_point_v<T>) {
    return {room, kindwire::detail::write_floating(room, value)};  // std::to_chars() where there is one
  } else {
    return {room, std::to_chars(room, room + sizeof room, value).ptr};
  }
}

}  // namespace

TEST_CASE("doubles are written as std::to_chars() writes them") {
  using limits = std::numeric_limits<double>;
  for (double const value : {0.0,
                             0.1,
                             0.5,
                             1.0,
                             42.5,
                             99.9,
                             100.0,
                             1e4,
                             99999.0,
                             1e5,
                             100001.0,
                             1e6,
                             1.5e6,
                             123456.0,
                             1200000.0,
                             1e11,
                             999999999999.0,
                             999999999999.999,
                             1e12,
                             1e15,
                             9007199254740993.0,
                             0.001,
                             0.0011,
                             0.000999,
                             0.0001,
                             1e-5,
                             1e-7,
                             0.30000000000000004,
                             1.0 / 3,
                             2.0 / 3,
                             1e9 - 1e-6,
                             123456789.123456,
                             0.123456,
                             0.1234567,
                             1e100,
                             1e300,
                             limits::max(),
                             limits::min(),
                             limits::denorm_min(),
                             limits::epsilon()}) {
    for (double const each : {value, -value, std::nextafter(value, 0.0), std::nextafter(value, 1e300)}) {
      CAPTURE(each);
      CHECK(ours(each) == expected(each));
    }
  }
  std::mt19937_64 random{11};
  for (int round = 0; round < 300'000; ++round) {
    double value = 0;
    std::uint64_t const bits = random();
    switch (round % 4) {
      case 0: std::memcpy(&value, &bits, sizeof value); break;
      case 1: value = static_cast<double>(bits >> (random() % 64)); break;
      case 2: value = static_cast<double>(bits >> (10 + random() % 54)) / std::pow(10.0, random() % 9); break;
      default:
        value = std::nextafter(static_cast<double>(bits % 1'000'000) / 1000, random() % 2 == 0 ? 0 : 1e300);
    }
    if (!std::isfinite(value)) continue;
    CAPTURE(value);
    REQUIRE(ours(value) == expected(value));
    REQUIRE(ours(-value) == expected(-value));
  }
}

TEST_CASE(
    "every number of three decimal places below 1,000 and every integer around a power of ten is written "
    "right") {
  for (int thousandths = 0; thousandths < 1'000'000; ++thousandths) {
    double const value = thousandths / 1000.0;
    REQUIRE(ours(value) == expected(value));
  }
  for (double power = 1; power < 1e18; power *= 10) {
    for (int apart = -3; apart <= 3; ++apart) REQUIRE(ours(power + apart) == expected(power + apart));
    for (int factor = 1; factor < 200; ++factor) REQUIRE(ours(power * factor) == expected(power * factor));
  }
}

TEST_CASE("integers and floats are written as std::to_chars() writes them") {
  for (int value = -12'000; value < 12'000; ++value) {
    REQUIRE(ours(value) == expected(value));
    REQUIRE(ours(static_cast<float>(value) / 16) == expected(static_cast<float>(value) / 16));
  }
  for (std::int64_t const value :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    CHECK(ours(value) == expected(value));
  CHECK(ours(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(ours(std::numeric_limits<std::int8_t>::min()) == "-128");
  CHECK(ours(std::numeric_limits<std::int32_t>::min()) == "-2147483648");
}

}  // namespace number_text_tests
