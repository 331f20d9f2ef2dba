#include <kindwire/json/text/time_text.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace time_text_tests {

namespace kw = kindwire;
using kw::json_errc;
using kw::detail::split_time;
using kw::detail::time_text_error;

namespace {

std::string written(split_time time) {
  std::array<char, 32> text;
  return {text.data(), kw::detail::write_time(text.data(), time)};
}

split_time read(std::string_view text) {
  split_time time;
  CAPTURE(text);
  CHECK(kw::detail::read_time(text, time) == time_text_error::none);
  return time;
}

template <class Duration>
using at = std::chrono::time_point<std::chrono::system_clock, Duration>;

struct event {
  std::chrono::system_clock::time_point when{};
  at<std::chrono::seconds> whole{};
  std::optional<at<std::chrono::milliseconds>> number{};
  static constexpr auto schema =
      kw::object(kw::field("when", &event::when), kw::field("whole", &event::whole),
                 kw::field("number", &event::number, kw::unit<std::chrono::seconds>, kw::minimum(0)));
};

template <class Duration>
json_errc error_of(std::string_view text) {
  auto const value = kw::decode<at<Duration>>('"' + std::string{text} + '"');
  return value ? json_errc{} : value.error().code;
}

}  // namespace

TEST_CASE("times are read and written as the calendar has them") {
  CHECK(read("1970-01-01T00:00:00Z").seconds == 0);
  CHECK(read("2000-02-29T12:34:56Z").seconds == 951'827'696);
  CHECK(read("0000-01-01T00:00:00Z").seconds == kw::detail::first_second);
  CHECK(read("9999-12-31T23:59:59z").seconds == kw::detail::last_second);
  CHECK(read("1969-12-31T23:59:59.25Z").seconds == -1);
  CHECK(read("1969-12-31T23:59:59.25Z").nanoseconds == 250'000'000);
  CHECK(read("2026-11-29t09:10:00+02:00").seconds == read("2026-11-29T07:10:00Z").seconds);
  CHECK(read("2026-11-28T23:40:00-07:30").seconds == read("2026-11-29T07:10:00Z").seconds);
  CHECK(read("2026-11-29T07:10:00.1234567890000Z").nanoseconds == 123'456'789);
  CHECK(written({0, 0}) == "1970-01-01T00:00:00Z");
  CHECK(written({951'827'696, 500'000'000}) == "2000-02-29T12:34:56.5Z");
  CHECK(written({kw::detail::first_second, 0}) == "0000-01-01T00:00:00Z");
  CHECK(written({kw::detail::last_second, 999'999'999}) == "9999-12-31T23:59:59.999999999Z");
  // Every day of 10,000 years, in order.
  std::string last;
  for (std::int64_t seconds = kw::detail::first_second + 86'399; seconds <= kw::detail::last_second;
       seconds += 86'400) {
    std::string text = written({seconds, 0});
    split_time time;
    REQUIRE(kw::detail::read_time(text, time) == time_text_error::none);
    REQUIRE(time.seconds == seconds);
    REQUIRE(text > last);
    last = std::move(text);
  }
  CHECK(last == "9999-12-31T23:59:59Z");
}

TEST_CASE("what is no time is refused") {
  for (std::string_view const text : {"",
                                      "2026-11-29",
                                      "2026-11-29T07:10:00",
                                      "2026-11-29 07:10:00Z",
                                      "2026-11-29T07:10Z",
                                      "26-11-29T07:10:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-11-00T00:00:00Z",
                                      "2026-11-29T24:00:00Z",
                                      "2026-11-29T07:60:00Z",
                                      "2016-12-31T23:59:60Z",
                                      "2026-11-29T07:10:00.Z",
                                      "2026-11-29T07:10:00,5Z",
                                      "2026-11-29T07:10:00+2:00",
                                      "2026-11-29T07:10:00+02",
                                      "2026-11-29T07:10:00+24:00",
                                      "2026-11-29T07:10:00+02:60",
                                      "2026-11-29T07:10:00ZZ",
                                      "-026-11-29T07:10:00Z",
                                      "+12026-11-29T07:10:00Z",
                                      " 2026-11-29T07:10:00Z"}) {
    split_time time;
    CAPTURE(text);
    CHECK(kw::detail::read_time(text, time) == time_text_error::malformed);
  }
}

TEST_CASE("time points are exact, or an error") {
  using namespace std::chrono;
  CHECK(error_of<milliseconds>("2026-11-29T07:10:00.123Z") == json_errc{});
  CHECK(error_of<milliseconds>("2026-11-29T07:10:00.1234Z") == json_errc::inexact);
  CHECK(error_of<seconds>("2026-11-29T07:10:00.5Z") == json_errc::inexact);
  CHECK(error_of<seconds>("2026-11-29T07:10:00.0000000000Z") == json_errc{});
  CHECK(error_of<nanoseconds>("2026-11-29T07:10:00.1234567891Z") == json_errc::inexact);
  CHECK(error_of<hours>("2026-11-29T07:00:00Z") == json_errc{});
  CHECK(error_of<hours>("2026-11-29T07:10:00Z") == json_errc::inexact);
  CHECK(error_of<nanoseconds>("9999-12-31T23:59:59Z") == json_errc::out_of_range);
  CHECK(error_of<duration<std::int32_t>>("2039-01-01T00:00:00Z") == json_errc::out_of_range);
  CHECK(error_of<seconds>("yesterday") == json_errc::rejected);
  CHECK(kw::decode<at<seconds>>("7").error().message() == "expected a time, as in RFC 3339, found a number");

  // To the ends of what counts nanoseconds.
  std::mt19937_64 random{7};
  for (int round = 0; round < 5'000; ++round) {
    auto count = static_cast<std::int64_t>(random()) >> (random() % 64);
    if (round < 2) count = round == 0 ? INT64_MIN : INT64_MAX;
    at<nanoseconds> const value{nanoseconds{count}};
    auto const text = kw::to_json(value);
    REQUIRE(text);
    CAPTURE(*text);
    REQUIRE(kw::decode<at<nanoseconds>>(*text));
    REQUIRE(*kw::decode<at<nanoseconds>>(*text) == value);
  }
  CHECK(kw::to_json(at<seconds>{seconds{kw::detail::last_second + 1}}).error().code ==
        json_errc::out_of_range);
  CHECK(kw::to_json(at<seconds>{seconds::min()}).error().code == json_errc::out_of_range);
}

TEST_CASE("a time point with a unit is a number") {
  std::string const text =
      R"({"when":"2026-11-29T07:10:00.5Z","whole":"1970-01-01T00:00:01Z","number":1795936200})";
  auto const value = kw::decode<event>(text);
  REQUIRE(value);
  CHECK(value->number->time_since_epoch() == std::chrono::seconds{1795936200});
  CHECK(*kw::to_json(*value) == text);
  event late;
  late.number.emplace(std::chrono::milliseconds{1});
  CHECK(kw::to_json(late).error().code == json_errc::inexact);
  CHECK(kw::json_schema<event>().find(R"("format": "date-time")") != std::string::npos);
  CHECK(kw::json_schema<event>().find(R"("minimum": 0)") != std::string::npos);
  CHECK(kw::typescript<event>().find("  /** as in RFC 3339 */\n  when: string;\n") != std::string::npos);
  CHECK(kw::typescript<event>().find("  number?: number | null;\n") != std::string::npos);
}

}  // namespace time_text_tests
