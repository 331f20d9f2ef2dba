#include <kindwire/json/description/constant.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace constant_tests {

enum class unit { metre, mile };
enum class colour { red, other };

}  // namespace constant_tests

template <>
inline constexpr auto kindwire::schema<constant_tests::unit> =
    kindwire::enumeration(kindwire::enumerator("m", constant_tests::unit::metre),
                          kindwire::enumerator("mi", constant_tests::unit::mile));

template <>
inline constexpr auto kindwire::schema<constant_tests::colour> =
    kindwire::enumeration(kindwire::enumerator("red", constant_tests::colour::red),
                          kindwire::enumerator("rouge", constant_tests::colour::red),
                          kindwire::enumerator("other", constant_tests::colour::other),
                          kindwire::fallback_enumerator(constant_tests::colour::other));

namespace constant_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct call {
  std::string method{};
  static constexpr auto schema =
      kw::kind("CALL", kw::constant("jsonrpc", "2.0"), kw::field("method", &call::method),
               kw::constant("v", 2, kw::description("of the protocol"), kw::defaulted));
};

struct marked {
  static constexpr auto schema =
      kw::object(kw::constant("yes", true), kw::constant("big", ~std::uint64_t{}), kw::constant("half", 0.5),
                 kw::constant("unit", unit::mile), kw::constant("quoted", std::string_view{"a\"b"}));
};

struct coloured {
  static constexpr auto schema = kw::object(kw::constant("a", colour::red), kw::constant("b", colour::other));
};

struct derived : call {
  int more = 0;
  static constexpr auto schema = kw::kind("DERIVED", kw::base<call>(), kw::field("more", &derived::more));
};

template <class T>
std::string error_of(std::string_view text) {
  auto const value = kw::decode<T>(text);
  return value ? "" : value.error().message();
}

}  // namespace

TEST_CASE("a constant is written where it is described, and must be there") {
  CHECK(*kw::to_json(call{"add"}) == R"({"kind":"CALL","jsonrpc":"2.0","method":"add","v":2})");
  CHECK(kw::decode<call>(R"({"kind":"CALL","jsonrpc":"2.0","method":"add","v":2})")->method == "add");
  CHECK(kw::decode<call>(R"({"method":"add","jsonrpc":"\u0032.0","kind":"CALL"})")->method == "add");
  CHECK(error_of<call>(R"({"kind":"CALL","method":"add","v":2})") == R"(missing field "jsonrpc")");
  CHECK(error_of<call>(R"({"kind":"CALL","jsonrpc":"1.0","method":"add"})") ==
        R"(field "jsonrpc": expected "2.0", found "1.0")");
  CHECK(error_of<call>(R"({"kind":"CALL","jsonrpc":2.0,"method":"add"})") ==
        R"(field "jsonrpc": expected a string, found a number)");
  CHECK(error_of<call>(R"({"kind":"CALL","jsonrpc":"2.0","method":"add","v":3})") ==
        R"(field "v": expected 2, found 3)");
  CHECK(error_of<call>(R"({"kind":"CALL","jsonrpc":"2.0","jsonrpc":"2.0","method":"add"})") ==
        R"(duplicate field "jsonrpc")");
  CHECK(kw::decode<call>(R"({"kind":"CALL","jsonrpc":"x"})").error().code == json_errc::beyond_limit);
  CHECK(kw::decode<call>(R"({"kind":"CALL","jsonrpc":"2.0","method":"a","v":2.0})"));
}

TEST_CASE("constants of every type") {
  std::string const text =
      R"({"yes":true,"big":18446744073709551615,"half":0.5,"unit":"mi","quoted":"a\"b"})";
  CHECK(*kw::to_json(marked{}) == text);
  CHECK(kw::decode<marked>(text));
  auto const changed = [&](std::string_view from, std::string_view to) {
    std::string other = text;
    other.replace(other.find(from), from.size(), to);
    return error_of<marked>(other);
  };
  CHECK(changed("true", "false") == R"(field "yes": expected true, found false)");
  CHECK(changed("615", "614") == R"(field "big": expected 18446744073709551615, found 18446744073709551614)");
  CHECK(changed("0.5", "0.25") == R"(field "half": expected 0.5, found 0.25)");
  CHECK(changed("mi", "m") == R"(field "unit": expected "mi", found "m")");
  CHECK(changed(R"(a\"b)", R"(a\"c)").starts_with(R"(field "quoted": expected )"));
}

TEST_CASE("a constant of an enumeration is one name, whatever else stands for the value") {
  std::string const right = R"({"a":"red","b":"other"})";
  CHECK(*kw::to_json(coloured{}) == right);
  CHECK(kw::decode<coloured>(right));
  CHECK(error_of<coloured>(R"({"a":"rouge","b":"other"})") == R"(field "a": expected "red", found "rouge")");
  CHECK(error_of<coloured>(R"({"a":"red","b":"new"})") == R"(field "b": expected "other", found "new")");
  CHECK(kw::decode<coloured>(R"({"a":0,"b":"other"})").error().code == json_errc::wrong_type);
}

TEST_CASE("constants of a base class, in a dispatcher, in documents") {
  CHECK(*kw::to_json(derived{{"add"}, 1}) ==
        R"({"kind":"DERIVED","jsonrpc":"2.0","method":"add","v":2,"more":1})");
  kw::dispatcher const on{[](call const& it) { return it.method.size(); },
                          [](derived const& it) { return it.method.size() + 10; }};
  CHECK(*on(R"({"kind":"DERIVED","jsonrpc":"2.0","method":"add","more":1})") == 13);
  CHECK(on(R"({"kind":"DERIVED","jsonrpc":"2.1","method":"add","more":1})").error().path == "/jsonrpc");
  std::string const schema = kw::json_schema<call, derived>();
  CHECK(schema.find(R"("const": "2.0")") != std::string::npos);
  CHECK(schema.find(R"("required": ["kind", "jsonrpc", "method"])") != std::string::npos);
  CHECK(kw::typescript<call>().find("  jsonrpc: \"2.0\";\n") != std::string::npos);
  CHECK(kw::typescript<call>().find("  /** of the protocol */\n  v?: 2;\n") != std::string::npos);
}

}  // namespace constant_tests
