#include <kindwire/net/observing/error_name.hpp>

#include <doctest/doctest.h>

#include <asio/error.hpp>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace error_name_tests {

namespace kw = kindwire;

namespace {

std::string_view name_of(std::error_code what) {
  return kw::net::detail::name_of_slot(kw::net::detail::error_slot(what));
}

}  // namespace

TEST_CASE("error names: those of the enumerators, and of what happens to streams") {
  CHECK(name_of(kw::error::reserved_bits) == "reserved_bits");
  CHECK(name_of(kw::error::too_many_messages) == "too_many_messages");
  CHECK(name_of(asio::error::connection_reset) == "connection_reset");
  CHECK(name_of(std::make_error_code(std::errc::connection_reset)) == "connection_reset");
  CHECK(name_of(asio::error::operation_aborted) == "operation_canceled");
  CHECK(name_of(std::make_error_code(std::errc::not_enough_memory)) == "not_enough_memory");
  CHECK(name_of(asio::error::eof) == "other");
  CHECK(name_of(std::make_error_code(std::errc::is_a_directory)) == "other");
  class tls_category : public std::error_category {
    char const* name() const noexcept override { return "kindwire.tls"; }
    std::string message(int) const override { return {}; }
  } const tls;
  CHECK(name_of({10, tls}) == "tls_verification");  // an expired certificate
  CHECK(name_of({1 << 20, tls}) == "tls");          // an error of OpenSSL's
  for (int const value : {-1, 0, 95, 96, 1'000'000}) CHECK(name_of({value, kw::error_category()}) == "other");
}

TEST_CASE("error names: each error has one of its own") {
  std::set<std::string_view> names;
  std::size_t count = 0;
  for (int value = 1; std::error_code(value, kw::error_category()).message() != "unknown kindwire error";
       ++value) {
    ++count;
    auto const name = name_of({value, kw::error_category()});
    CHECK(name != "other");
    names.insert(name);
  }
  CHECK(count > 40);
  CHECK(names.size() == count);
}

}  // namespace error_name_tests
