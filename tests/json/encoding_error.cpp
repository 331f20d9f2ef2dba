#include <kindwire/json/encoding_error.hpp>

#include <cmath>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/json/correlated.hpp>
#include <kindwire/json/writer.hpp>

namespace encoding_error_tests {

namespace kw = kindwire;

namespace {

struct measured {
  std::vector<double> v;
  static constexpr auto schema = kw::kind("MEASURED", kw::field("v", &measured::v));
};

struct part {
  std::string text;
  static constexpr auto schema = kw::object(kw::field("text", &part::text));
};

template <class T>
std::error_code failure_of(T const& value) {
  std::string sink = "before";
  std::error_code why;
  CHECK(!kw::encode_text(sink, value, why));
  CHECK(sink == "before");
  return why;
}

measured const broken{{1, 2, std::nan("")}};

}  // namespace

TEST_CASE("the error of a value that cannot be encoded tells kind, field and reason") {
  auto const why = failure_of(broken);
  CHECK(why.category() == kw::encoding_category());
  CHECK(why.message() == R"(MEASURED: field "v/2": number that is not finite)");
  CHECK(why == std::error_condition(static_cast<int>(kw::json_errc::not_finite), kw::json_category()));
  CHECK(why != std::error_condition(static_cast<int>(kw::json_errc::too_deep), kw::json_category()));

  CHECK(failure_of(part{"\xFF"}).message() == R"(field "text": string that is not UTF-8 at byte 0)");
  CHECK(failure_of(std::variant<measured>{broken}).message() == why.message());
  CHECK(failure_of(kw::correlated<measured>{broken, "id", "7"}).message() == why.message());
  CHECK(failure_of(kw::correlated<measured>{broken, "v", "7"}).message() ==
        R"(MEASURED: duplicate field "v")");
  auto const text = kw::to_json(broken);
  REQUIRE(!text);
  CHECK(text.error().path == "/v/2");
}

TEST_CASE("the last errors are told apart, older ones still tell the reason") {
  auto const first = failure_of(broken);
  std::vector<std::error_code> others;
  for (int index = 0; index < 31; ++index) others.push_back(failure_of(part{"\xFF"}));
  CHECK(first.message() == R"(MEASURED: field "v/2": number that is not finite)");
  others.push_back(failure_of(part{"\xFF"}));
  CHECK(first.message() == "number that is not finite");
  CHECK(std::string_view{first.category().name()} == "kindwire.encoding");
  for (auto const& each : others) {
    CHECK(each.message() == R"(field "text": string that is not UTF-8 at byte 0)");
  }
}

}  // namespace encoding_error_tests
