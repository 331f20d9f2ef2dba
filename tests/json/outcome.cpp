#include <kindwire/json/outcome.hpp>

#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace outcome_tests {

namespace kw = kindwire;

namespace {

kw::json_error broken() {
  kw::json_error error;
  error.code = kw::json_errc::malformed;
  return error;
}

}  // namespace

TEST_CASE("an outcome is a value or an error") {
  kw::outcome<std::string> const good{std::string{"value"}};
  REQUIRE(good);
  CHECK(*good == "value");
  CHECK(good->size() == 5);
  kw::outcome<std::string> const bad{broken()};
  REQUIRE(!bad);
  CHECK(bad.error().code == kw::json_errc::malformed);
}

TEST_CASE("an outcome of nothing is a success or an error") {
  CHECK(kw::outcome<void>{});
  kw::outcome<void> const bad{broken()};
  REQUIRE(!bad);
  CHECK(bad.error().code == kw::json_errc::malformed);
}

TEST_CASE("a value that can only be moved comes out of an outcome") {
  kw::outcome<std::unique_ptr<int>> result{std::make_unique<int>(7)};
  std::unique_ptr<int> const taken = *std::move(result);
  CHECK(*taken == 7);
}

}  // namespace outcome_tests
