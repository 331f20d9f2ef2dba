#include <kindwire/json/text/floating.hpp>
#include <kindwire/json/text/floating_text.hpp>

#include <array>
#include <cerrno>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include <doctest/doctest.h>

namespace floating_tests {

using namespace kindwire::detail;

namespace {

template <class T>
struct outcome {
  std::errc error{};
  T value = 1.5;  // what was there before

  bool operator==(outcome const& other) const {
    return error == other.error && value == other.value && std::signbit(value) == std::signbit(other.value);
  }
};

template <class T>
outcome<T> by_strtod(std::string_view text) {
  outcome<T> result;
  result.error = floating_by_strtod(text, result.value);
  return result;
}

template <class T>
outcome<T> nearest(std::string_view text) {
  outcome<T> result;
  result.error = nearest_floating(text, result.value);
  return result;
}

template <class T>
outcome<T> is(T value) {
  return {{}, value};
}

constexpr outcome<double> out_of_range{std::errc::result_out_of_range};

// A finite number of any size, as likely with each exponent.
double any_double(std::mt19937_64& random) {
  double value;
  do {
    std::uint64_t const bits = random();
    std::memcpy(&value, &bits, sizeof value);
  } while (!std::isfinite(value));
  return value;
}

std::string text_of(double value) {
  std::array<char, 64> room;
  return {room.data(), write_floating(room.data(), value)};
}

}  // namespace

TEST_CASE("3,000,000 doubles are read as they were written, with and without std::from_chars()") {
  std::mt19937_64 random{11};
  for (int round = 0; round < 3'000'000; ++round) {
    double const value = any_double(random);
    std::string const text = text_of(value);
    auto const right = is(value);
    if (!(nearest<double>(text) == right) || !(by_strtod<double>(text) == right)) FAIL(text);
  }
}

TEST_CASE(
    "digits that are not the shortest, floats, and what no type holds are read as by std::from_chars()") {
  std::mt19937_64 random{12};
  for (int round = 0; round < 300'000; ++round) {
    std::array<char, 1200> room;
    int const digits = random() % 1000 == 0 ? 800 : static_cast<int>(random() % 30);
    int const size = std::snprintf(room.data(), room.size(), "%.*e", digits, any_double(random));
    std::string_view const text{room.data(), static_cast<std::size_t>(size)};
    if (!(nearest<double>(text) == by_strtod<double>(text))) FAIL(text);
    if (!(nearest<float>(text) == by_strtod<float>(text))) FAIL(text);
  }
}

TEST_CASE("the middle between two doubles goes to the even one, and what is beyond it is not cut off") {
  std::mt19937_64 random{13};
  for (int round = 0; round < 1'000; ++round) {
    std::uint64_t const whole = (std::uint64_t{1} << 52) + random() % (std::uint64_t{1} << 52);
    std::string const text = std::to_string(whole);
    double const even = static_cast<double>(whole + whole % 2);
    for (auto const read : {nearest<double>, by_strtod<double>}) {
      CHECK(read(text + ".5") == is(even));
      CHECK(read("-" + text + ".5") == is(-even));
      CHECK(read(text + ".5" + std::string(2'000, '0') + "1") == is(static_cast<double>(whole) + 1));
      CHECK(read(text + ".4" + std::string(2'000, '9')) == is(static_cast<double>(whole)));
      CHECK(read("0." + std::string(1'000, '0') + text + "5e1016") == is(even));
    }
  }
}

TEST_CASE("zeros, the ends of the range, and exponents without end") {
  double const most = std::numeric_limits<double>::max();
  double const least = std::numeric_limits<double>::denorm_min();
  for (auto const read : {nearest<double>, by_strtod<double>}) {
    CHECK(read("0") == is(0.0));
    CHECK(read("-0.000e99999999999999999999") == is(-0.0));
    CHECK(read("1.7976931348623157e308") == is(most));
    CHECK(read("1.7976931348623158e+308") == is(most));
    CHECK(read("1.7976931348623159E308") == out_of_range);
    CHECK(read("-1e99999999999999999999") == out_of_range);
    CHECK(read("5e-324") == is(least));
    CHECK(read("-3e-324") == is(-least));
    CHECK(read("2e-324") == out_of_range);
    CHECK(read("1e-99999999999999999999") == out_of_range);
    CHECK(read("0." + std::string(20'000, '0') + "1e20001") == is(1.0));
    CHECK(read("1" + std::string(20'000, '0') + "e-20000") == is(1.0));
    CHECK(read("0." + std::string(20'000, '3')) == is(1.0 / 3));
  }
}

TEST_CASE("nothing behind the number is read, and errno stays what it was") {
  std::string const text = "1.5e3076";
  errno = 42;
  CHECK(by_strtod<double>(std::string_view(text).substr(0, 7)) == is(1.5e307));
  CHECK(by_strtod<double>(text) == out_of_range);
  CHECK(errno == 42);
}

TEST_CASE("a locale that writes a comma reads the same number") {
  char const* const before = std::setlocale(LC_NUMERIC, nullptr);
  std::string const kept = before;
  for (char const* const name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"}) {
    if (std::setlocale(LC_NUMERIC, name) != nullptr) CHECK(by_strtod<double>("1234.5") == is(1234.5));
  }
  std::setlocale(LC_NUMERIC, kept.c_str());
}

TEST_CASE("long double, wherever it is no double") {
  CHECK(nearest<long double>("0.1").value == 0.1L);
  CHECK(by_strtod<long double>("0.1").value == 0.1L);
  CHECK(by_strtod<long double>("-1e99999").error == std::errc::result_out_of_range);
}

}  // namespace floating_tests
