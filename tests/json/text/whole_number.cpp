#include <kindwire/json/reader.hpp>
#include <kindwire/json/text/whole_number.hpp>

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include <doctest/doctest.h>

namespace whole_number_tests {

namespace kw = kindwire;

namespace {

// The magnitude of the number in the text; none if it is no integer. Overflow is the highest.
std::optional<std::uint64_t> whole(std::string_view text) {
  kw::detail::json_number number;
  number.text = text;
  number.negative = text.starts_with('-');
  number.integral = false;
  if (!kw::detail::make_whole(number)) return std::nullopt;
  return number.overflow ? UINT64_MAX : number.magnitude;
}

}  // namespace

TEST_CASE("a number without a fraction is an integer, however it is written") {
  CHECK(whole("1.0") == 1);
  CHECK(whole("-1.0") == 1);
  CHECK(whole("0.0") == 0);
  CHECK(whole("-0.0") == 0);
  CHECK(whole("0e5") == 0);
  CHECK(whole("0.000e-99999999999999999999") == 0);
  CHECK(whole("1e3") == 1000);
  CHECK(whole("1E+3") == 1000);
  CHECK(whole("1.5e1") == 15);
  CHECK(whole("12.50e1") == 125);
  CHECK(whole("1200e-2") == 12);
  CHECK(whole("0.0012e4") == 12);
  CHECK(whole("100.00") == 100);
  CHECK(whole("1844674407370955161.4e1") == UINT64_MAX - 1);
  CHECK(whole("18446744073709551616e0") == UINT64_MAX);
  CHECK(whole("1e20") == UINT64_MAX);
  CHECK(whole("1e99999999999999999999999") == UINT64_MAX);
  for (std::string_view const text :
       {"1.5", "0.1", "1e-1", "1234e-3", "10.01e1", "1e-99999999999999999999", "0.00001e4"}) {
    CHECK_FALSE(whole(text));
  }
}

TEST_CASE("an integer of many digits, its point moved and moved back, is itself") {
  std::mt19937_64 random{1};
  for (int round = 0; round != 20'000; ++round) {
    std::uint64_t const value = random() >> random() % 64;
    std::string digits = std::to_string(value);
    auto const from_right = static_cast<std::size_t>(random() % (digits.size() + 3));
    if (from_right >= digits.size()) digits.insert(0, from_right - digits.size() + 1, '0');
    std::string const zeros(static_cast<std::size_t>(random() % 3), '0');
    std::size_t const at = digits.size() - from_right;
    std::string const point = from_right == 0 && zeros.empty() ? "" : ".";
    std::string const text =
        digits.substr(0, at) + point + digits.substr(at) + zeros + 'e' + std::to_string(from_right);
    REQUIRE(whole(text) == value);
    if (value % 10 != 0) {
      REQUIRE_FALSE(whole(digits.substr(0, at) + '.' + digits.substr(at) + zeros + '1' + 'e' +
                          std::to_string(from_right)));
    }
  }
}

}  // namespace whole_number_tests
