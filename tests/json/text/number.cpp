#include <kindwire/json/text/number.hpp>

#include <charconv>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <kindwire/json/text/scanner.hpp>

namespace number_tests {

using namespace kindwire::detail;

namespace {

// The number that `text` is, read from the heap, so that a sanitizer sees what is read outside of it.
struct read_number {
  explicit read_number(std::string_view text, std::string_view behind = {}) {
    bytes.assign(text.begin(), text.end());
    bytes.insert(bytes.end(), behind.begin(), behind.end());
    json_scanner scanner{{bytes.data(), bytes.size()}};
    read = scanner.number(number, "a number") && scanner.position() == bytes.data() + text.size();
  }
  std::vector<char> bytes;
  json_number number;
  bool read = false;
};

// As std::from_chars() reads it, where it reads floating point: the same value to the bit, or the same error.
template <class T>
bool same_as_from_chars(std::string const& text) {
  read_number const ours(text, text.size() % 2 == 0 ? "" : ",\"more\"");
  T expected{};
  T value{};
  std::errc const error = [&] {
    if constexpr (has_from_chars<T>) {
      return std::from_chars(text.data(), text.data() + text.size(), expected).ec;
    } else {
      return floating_by_strtod(std::string_view(text), expected);
    }
  }();
  return ours.read && ours.number.to_floating(value) == error &&
         std::memcmp(&value, &expected, sizeof value) == 0;
}

std::string digits(std::mt19937_64& random, std::uint64_t most) {
  std::string text;
  for (std::uint64_t count = 1 + random() % most; count != 0; --count)
    text += static_cast<char>('0' + random() % 10);
  return text;
}

}  // namespace

TEST_CASE("up to eight digits are read at once, whatever follows") {
  for (auto const value :
       std::initializer_list<std::uint64_t>{0, 7, 42, 100, 9999, 12345, 999999, 1234567, 99999999}) {
    std::string const text = std::to_string(value);
    for (int behind = 0; behind < 256; ++behind) {
      if (behind >= '0' && behind <= '9') continue;
      std::string const bytes = text + std::string(8, static_cast<char>(behind));
      digit_run const run = read_digits(load_word(bytes.data(), bytes.data(), bytes.data() + bytes.size()));
      CHECK(run.value == value);
      CHECK(run.count == text.size());
    }
  }
}

TEST_CASE("integers are exact up to 64 bits, and one more is told") {
  for (std::string const text :
       {"0", "9", "18446744073709551615", "9999999999999999999", "10000000000000000000"}) {
    read_number const ours(text);
    REQUIRE(ours.read);
    CHECK_FALSE(ours.number.overflow);
    CHECK(std::to_string(ours.number.magnitude) == text);
  }
  for (std::string const text : {"18446744073709551616", "99999999999999999999", "100000000000000000000"}) {
    read_number const ours(text);
    CHECK(ours.read);
    CHECK(ours.number.overflow);
  }
  std::mt19937_64 random{7};
  for (int round = 0; round < 20'000; ++round) {
    std::uint64_t const value = random() >> (random() % 64);
    read_number const ours("-" + std::to_string(value));
    REQUIRE(ours.read);
    CHECK(ours.number.magnitude == value);
    CHECK(ours.number.negative);
    CHECK(ours.number.integral);
  }
}

TEST_CASE("floating point numbers are those of std::from_chars(), to the bit") {
  for (std::string const text : {"0",
                                 "-0",
                                 "0.0",
                                 "-0.0",
                                 "0e5",
                                 "1",
                                 "0.1",
                                 "42.5",
                                 "1e22",
                                 "1e23",
                                 "1e-22",
                                 "1e-23",
                                 "9007199254740992",
                                 "9007199254740993",
                                 "9007199254740992e22",
                                 "9007199254740993e-3",
                                 "0.30000000000000004",
                                 "5e-324",
                                 "1e400",
                                 "2e-400",
                                 "123456789012345678901234567890",
                                 "0.0000000000000000000000000000001",
                                 "1.7976931348623157e308",
                                 "1.7976931348623159e308",
                                 "16777216",
                                 "16777217",
                                 "1677721.7",
                                 "16777216e10",
                                 "16777216e11",
                                 "1e-10",
                                 "8.5e-11",
                                 "3.4028235e38",
                                 "3.5e38",
                                 "1e99999999999",
                                 "1e-99999999999",
                                 "0e99999999999",
                                 "12345678901234567890123456789e-30",
                                 "0.1e100001",
                                 "1.0000000000000000000000000000e1"}) {
    CAPTURE(text);
    CHECK(same_as_from_chars<double>(text));
    CHECK(same_as_from_chars<float>(text));
  }
  std::mt19937_64 random{8};
  for (int round = 0; round < 200'000; ++round) {
    std::string whole = digits(random, random() % 4 == 0 ? 25 : 6);
    if (whole[0] == '0') whole = "0";
    std::string text = (random() % 2 == 0 ? "-" : "") + whole;
    if (random() % 4 != 0) text += "." + digits(random, random() % 4 == 0 ? 25 : 6);
    if (random() % 2 == 0) text += (random() % 2 == 0 ? "e-" : "e") + digits(random, 1 + random() % 3);
    CAPTURE(text);
    REQUIRE(same_as_from_chars<double>(text));
    REQUIRE(same_as_from_chars<float>(text));
  }
}

TEST_CASE("a number with 20,000 digits before or behind the point is read") {
  CHECK(same_as_from_chars<double>("0." + std::string(20'000, '0') + "1e20000"));
  CHECK(same_as_from_chars<double>("1" + std::string(20'000, '0') + "e-20000"));
  CHECK(same_as_from_chars<double>("0." + std::string(20'000, '3')));
}

TEST_CASE("a number that no double holds is known to be small or large") {
  struct row {
    std::string_view text;
    bool small;
  };
  row const rows[] = {{"1e400", false},
                      {"1e-400", true},
                      {"-1e-400", true},
                      {"-1e400", false},
                      {"0.0000000001e-2147483639", true},
                      {"1e99999999999999999999", false},
                      {"1e-99999999999999999999", true},
                      {"0.01e2", false},
                      {"0.01e1", true},
                      {"100e-3", true},
                      {"100e-2", false},
                      {"0e99999", true},
                      {"9.9", false}};
  for (row const& each : rows) {
    CAPTURE(each.text);
    json_scanner scanner{each.text};
    json_number number;
    REQUIRE(scanner.number(number, ""));
    REQUIRE(scanner.finish());
    CHECK(number.is_below_one() == each.small);
  }
}

}  // namespace number_tests
