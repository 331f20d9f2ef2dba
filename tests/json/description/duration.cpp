#include <kindwire/json/description/duration.hpp>

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace duration_tests {

namespace kw = kindwire;
namespace chrono = std::chrono;
using kw::json_errc;
using namespace std::chrono_literals;

namespace {

using fraction = chrono::duration<double>;
using small_milliseconds = chrono::duration<std::int16_t, std::milli>;
using unsigned_seconds = chrono::duration<std::uint64_t>;

// The member, and the unit in which it travels.
template <class Member, class Unit = Member>
struct timed {
  Member value{};
  static constexpr auto schema = kw::object(kw::field("value", &timed::value, kw::unit<Unit>));
};

template <class Member, class Unit = Member>
kw::outcome<timed<Member, Unit>> decode_value(std::string_view value) {
  return kw::decode<timed<Member, Unit>>("{\"value\":" + std::string{value} + "}");
}

template <class Member, class Unit = Member>
std::string refused(std::string_view value, json_errc code) {
  auto const result = decode_value<Member, Unit>(value);
  CHECK(!result);
  if (result) return "accepted";
  CHECK(result.error().code == code);
  return result.error().message();
}

template <class Unit, class Member>
std::string written(Member value) {
  std::string text{};
  auto const result = kw::encode(timed<Member, Unit>{value}, text);
  if (!result) return result.error().message();
  return text.substr(9, text.size() - 10);
}

struct waits {
  chrono::milliseconds after{};
  std::optional<chrono::minutes> until{};
  std::vector<chrono::milliseconds> pauses{};
  chrono::milliseconds limited{1'000};
  static constexpr auto schema =
      kw::object(kw::field("after", &waits::after), kw::field("until", &waits::until),
                 kw::field("pauses", &waits::pauses, kw::unit<chrono::seconds>, kw::defaulted),
                 kw::field("limited", &waits::limited, kw::unit<fraction>, kw::minimum(0.5), kw::maximum(60),
                           kw::defaulted));
};

}  // namespace

TEST_CASE("a duration is a number of its own unit, or of the one that is stated") {
  auto const value = kw::decode<waits>(R"({"after":1500,"until":3,"pauses":[1,-2],"limited":2.5})");
  REQUIRE(value);
  CHECK(value->after == 1500ms);
  CHECK(value->until == 3min);
  CHECK(value->pauses == std::vector<chrono::milliseconds>{1s, -2s});
  CHECK(value->limited == 2500ms);
  CHECK(*kw::to_json(*value) == R"({"after":1500,"until":3,"pauses":[1,-2],"limited":2.5})");
  CHECK(!kw::decode<waits>(R"({"after":1500,"until":null})")->until);
  CHECK(kw::decode<waits>(R"({"after":0})")->limited == 1s);
}

TEST_CASE("limits of a duration are in the unit in which it travels") {
  CHECK(kw::decode<waits>(R"({"after":0,"limited":60})"));
  CHECK(kw::decode<waits>(R"({"after":0,"limited":0.25})").error().message() ==
        R"(field "limited": expected a number from 0.5 to 60, found 0.25)");
  std::string text;
  CHECK(kw::encode(waits{.limited = 61s}, text).error().message() ==
        R"(field "limited": expected a number from 0.5 to 60, found 61)");
}

TEST_CASE("nothing is lost between a unit and a member's") {
  CHECK(decode_value<chrono::seconds, chrono::milliseconds>("3000")->value == 3s);
  CHECK(refused<chrono::seconds, chrono::milliseconds>("3001", json_errc::inexact) ==
        R"(field "value": expected whole seconds, found 3001)");
  CHECK(refused<chrono::milliseconds, fraction>("0.0001", json_errc::inexact) ==
        R"(field "value": expected whole milliseconds, found 0.0001)");
  CHECK(refused<chrono::milliseconds>("1.5", json_errc::wrong_type) ==
        R"(field "value": expected an integer, found 1.5)");
  CHECK(decode_value<fraction>("0.1")->value == fraction{0.1});
  CHECK(decode_value<fraction, chrono::milliseconds>("100")->value == fraction{0.1});

  CHECK(written<chrono::seconds>(3000ms) == "3");
  CHECK(written<chrono::seconds>(3001ms) ==
        R"(field "value": expected whole seconds, found 3001 milliseconds)");
  CHECK(written<fraction>(1ms) == "0.001");
  CHECK(written<fraction>(-1500ms) == "-1.5");
  CHECK(written<chrono::milliseconds>(fraction{0.1}) == "100");
  CHECK(written<chrono::milliseconds>(fraction{0.0001}) ==
        R"(field "value": expected whole milliseconds, found 1e-04 seconds)");
  // So many milliseconds that no double of seconds stands for each.
  CHECK(written<fraction>(chrono::milliseconds{9'007'199'254'740'993}) !=
        written<fraction>(chrono::milliseconds{9'007'199'254'740'992}));
}

TEST_CASE("what does not fit into a member is out of range") {
  CHECK(decode_value<small_milliseconds, chrono::seconds>("32")->value == small_milliseconds{32'000});
  CHECK(refused<small_milliseconds, chrono::seconds>("33", json_errc::out_of_range) ==
        R"(field "value": expected a duration that fits into milliseconds, found 33)");
  CHECK(decode_value<small_milliseconds, chrono::seconds>("-32")->value == small_milliseconds{-32'000});
  CHECK(refused<small_milliseconds, chrono::seconds>("-33", json_errc::out_of_range) != "");
  refused<chrono::nanoseconds, chrono::hours>("2562048", json_errc::out_of_range);
  CHECK(decode_value<chrono::nanoseconds, chrono::hours>("2562047"));
  refused<chrono::nanoseconds, fraction>("9223372036.854775807", json_errc::out_of_range);
  refused<chrono::nanoseconds, fraction>("1e300", json_errc::out_of_range);
  refused<chrono::nanoseconds, fraction>("-1e300", json_errc::out_of_range);
  refused<chrono::nanoseconds, fraction>("1e400", json_errc::out_of_range);
  refused<unsigned_seconds, chrono::milliseconds>("-1000", json_errc::out_of_range);
  refused<unsigned_seconds, fraction>("-1", json_errc::out_of_range);
  CHECK(decode_value<unsigned_seconds>("18446744073709551615")->value == unsigned_seconds::max());
  CHECK(written<unsigned_seconds>(unsigned_seconds::max()) == "18446744073709551615");
  CHECK(written<chrono::milliseconds>(chrono::milliseconds::min()) == "-9223372036854775808");
  CHECK(decode_value<chrono::milliseconds>("-9223372036854775808")->value == chrono::milliseconds::min());
  CHECK(written<chrono::milliseconds>(unsigned_seconds::max()).starts_with("field"));
}

TEST_CASE("units have names, and those that have none are fractions of a second or so many") {
  using kw::detail::unit_name;
  CHECK(unit_name<std::nano>() == "nanoseconds");
  CHECK(unit_name<std::micro>() == "microseconds");
  CHECK(unit_name<std::milli>() == "milliseconds");
  CHECK(unit_name<std::ratio<1>>() == "seconds");
  CHECK(unit_name<std::ratio<60>>() == "minutes");
  CHECK(unit_name<std::ratio<3600>>() == "hours");
  CHECK(unit_name<std::ratio<86400>>() == "days");
  CHECK(unit_name<std::ratio<1, 30>>() == "units of 1/30 s");
}

TEST_CASE("durations that are no numbers") {
  CHECK(written<fraction>(fraction{std::numeric_limits<double>::infinity()}) ==
        R"(field "value": number that is not finite)");
  CHECK(written<chrono::milliseconds>(fraction{std::nan("")}) ==
        R"(field "value": number that is not finite)");
  CHECK(refused<chrono::milliseconds>("\"1s\"", json_errc::wrong_type) ==
        R"(field "value": expected an integer, found a string)");
  CHECK(refused<chrono::milliseconds, fraction>("null", json_errc::wrong_type) ==
        R"(field "value": expected a number, found null)");
}

TEST_CASE("every count of milliseconds survives a trip in fractions of seconds, or is refused") {
  std::mt19937_64 random{11};
  std::size_t survived = 0;
  for (int round = 0; round < 20'000; ++round) {
    timed<chrono::milliseconds, fraction> const value{
        chrono::milliseconds{static_cast<std::int64_t>(random()) >> (random() % 64)}};
    std::string text;
    if (!kw::encode(value, text)) {
      REQUIRE(std::abs(value.value.count()) > (std::int64_t{1} << 51));
      continue;
    }
    ++survived;
    CAPTURE(text);
    auto const again = kw::decode<timed<chrono::milliseconds, fraction>>(text);
    REQUIRE(again);
    REQUIRE(again->value == value.value);
  }
  CHECK(survived > 10'000);
}

}  // namespace duration_tests
