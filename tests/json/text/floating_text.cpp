#include <kindwire/json/text/floating_text.hpp>

#include <array>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include <doctest/doctest.h>

namespace floating_text_tests {

using namespace kindwire::detail;

namespace {

template <class T>
std::string by_printf(T value) {
  std::array<char, 40> room;
  return {room.data(), floating_by_printf(room.data(), value)};
}

template <class T>
std::string written(T value) {
  std::array<char, 40> room;
  return {room.data(), write_floating(room.data(), value)};
}

// The same text where std::to_chars() is there; the same number in any case.
template <class T>
void check(T value) {
  std::string const text = by_printf(value);
  T read{};
  bool const same = nearest_floating(std::string_view(text), read) == std::errc{} && read == value &&
                    std::signbit(read) == std::signbit(value);
  if (!same || text != written(value)) FAIL(text << " in place of " << written(value));
}

}  // namespace

TEST_CASE("doubles and floats are written by printf() as by std::to_chars()") {
  std::mt19937_64 random{21};
  for (int round = 0; round != 30'000; ++round) {
    std::uint64_t const bits = random();
    double one;
    std::memcpy(&one, &bits, sizeof one);
    if (std::isfinite(one)) check(one);
    float other;
    std::memcpy(&other, &bits, sizeof other);
    if (std::isfinite(other)) check(other);
  }
}

TEST_CASE("so are numbers that people write, and large integers") {
  std::mt19937_64 random{22};
  for (int round = 0; round != 30'000; ++round) {
    auto const whole = static_cast<double>(random() >> (random() % 64));
    check(whole);
    check(-whole / 100);
    check(whole / 1e9);
    check(static_cast<float>(whole) / 8);
  }
}

TEST_CASE("so are all powers of two, their neighbours, and the ends of the range") {
  for (int power = -1074; power != 1024; ++power) {
    double const value = std::ldexp(1.0, power);
    check(value);
    check(std::nextafter(value, 0.0));
    if (power != 1023) check(std::nextafter(value, 1e308));
  }
  for (int power = -149; power != 128; ++power) {
    float const value = std::ldexp(1.0F, power);
    check(value);
    check(std::nextafter(value, 0.0F));
  }
  check(std::numeric_limits<double>::max());
  check(0.0);
  check(-0.0);
}

TEST_CASE("what it looks like") {
  CHECK(by_printf(1.5) == "1.5");
  CHECK(by_printf(-0.0) == "-0");
  CHECK(by_printf(1e5) == "1e+05");
  CHECK(by_printf(1e23) == "1e+23");
  CHECK(by_printf(5e-324) == "5e-324");
  CHECK(by_printf(0.001) == "0.001");
  CHECK(by_printf(123456789012345680000.0) == "123456789012345683968");
  CHECK(by_printf(0.1F) == "0.1");
#if !defined(__EMSCRIPTEN__)  // its printf() takes a long double for a double
  CHECK(by_printf(0.1L) == "0.1");
#endif
}

TEST_CASE("a locale that writes a comma does not matter") {
  std::string const kept = std::setlocale(LC_NUMERIC, nullptr);
  for (char const* const name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"}) {
    if (std::setlocale(LC_NUMERIC, name) != nullptr) CHECK(by_printf(1234.5) == "1234.5");
  }
  std::setlocale(LC_NUMERIC, kept.c_str());
}

}  // namespace floating_text_tests
