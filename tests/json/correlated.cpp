#include <kindwire/json/correlated.hpp>

#include <kindwire/json/reader.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace {

struct question {
  std::string name;
  static constexpr auto schema = kw::kind("QUESTION \"1\"", kw::field("name", &question::name));
};
struct empty {
  static constexpr auto schema = kw::kind("EMPTY", kw::key("type"));
};
struct with_id {
  int id;
  static constexpr auto schema = kw::kind("WITH_ID", kw::field("id", &with_id::id));
};

struct wire {
  std::vector<question> inner;
  std::string text;
  static constexpr auto schema =
      kw::kind("WIRE", kw::field("inner", &wire::inner), kw::field("text", &wire::text));
};
// A kind that a codec writes: as a kind, or as a list of such, or as a text.
template <int How>
struct coded {
  static constexpr auto schema = kw::kind("CODED");
};

}  // namespace

template <int How>
struct kw::json_codec<coded<How>> {
  static bool write(kw::json_writer& writer, coded<How> const&) {
    if constexpr (How == 0) return writer.write(wire{{{"ann"}}, "x"});
    if constexpr (How == 1) return writer.write(std::vector<wire>(1));
    return writer.write(std::string{"x"});
  }
};

namespace {

template <class T>
std::string text_of(kw::correlated<T> const& message) {
  std::string text = "before ";
  CHECK(kw::encode(message, text));
  return text.substr(7);
}

// It grows only.
struct narrow_sink {
  std::string text;
  void append(char const* data, std::size_t size) { text.append(data, size); }
};

}  // namespace

TEST_CASE("the id follows the kind") {
  question const asked{"ann"};
  CHECK(text_of(kw::correlated<question>{asked, "id", "7"}) ==
        R"({"kind":"QUESTION \"1\"","id":7,"name":"ann"})");
  CHECK(text_of(kw::correlated<question>{asked, "i\"d", R"("x")"}) ==
        R"({"kind":"QUESTION \"1\"","i\"d":"x","name":"ann"})");
  CHECK(text_of(kw::correlated<question>{asked, "id", ""}) == *kw::to_json(asked));
  CHECK(text_of(kw::correlated<question>{asked, "id", "7", "op"}) ==
        R"({"op":"QUESTION \"1\"","id":7,"name":"ann"})");
  CHECK(text_of(kw::correlated<empty>{empty{}, "id", "7"}) == R"({"type":"EMPTY","id":7})");
  CHECK(text_of(kw::correlated<empty>{empty{}, "id", "", "op"}) == R"({"op":"EMPTY"})");
}

TEST_CASE("the id stands in the message, not in what is inside of it") {
  wire const value{{{"a"}, {"b"}}, std::string(1000, 'x')};
  std::string const fields =
      R"("inner":[{"kind":"QUESTION \"1\"","name":"a"},{"kind":"QUESTION \"1\"","name":"b"}],"text":")" +
      value.text + "\"}";
  CHECK(text_of(kw::correlated<wire>{value, "id", "7"}) == R"({"kind":"WIRE","id":7,)" + fields);
  CHECK(text_of(kw::correlated<wire>{value, "id", "", "op"}) == R"({"op":"WIRE",)" + fields);
  std::string const id = '"' + std::string(2000, 'i') + '"';
  CHECK(text_of(kw::correlated<wire>{value, "id", id}) == R"({"kind":"WIRE","id":)" + id + ',' + fields);
}

TEST_CASE("what a codec writes has the id if it is a kind") {
  CHECK(text_of(kw::correlated<coded<0>>{{}, "id", "7"}) ==
        R"({"kind":"WIRE","id":7,"inner":[{"kind":"QUESTION \"1\"","name":"ann"}],"text":"x"})");
  std::string text = "as it was";
  CHECK(kw::encode(kw::correlated<coded<1>>{{}, "id", "7"}, text).error().code == kw::json_errc::rejected);
  CHECK(kw::encode(kw::correlated<coded<2>>{{}, "id", "7"}, text).error().code == kw::json_errc::rejected);
  CHECK(text == "as it was");
}

TEST_CASE("a long message is as one that is short") {
  question const asked{std::string(5000, 'x')};
  narrow_sink sink;
  CHECK(kw::encode(kw::correlated<question>{asked, "id", "7"}, sink));
  CHECK(sink.text == R"({"kind":"QUESTION \"1\"","id":7,"name":")" + asked.name + "\"}");
  CHECK(kw::decode<question>(sink.text)->name == asked.name);
}

TEST_CASE("what cannot be written leaves the sink as it was") {
  narrow_sink sink;
  with_id const value{1};
  CHECK(kw::encode(kw::correlated<with_id>{value, "id", "7"}, sink).error().message() ==
        R"(duplicate field "id")");
  CHECK(!kw::encode_text(sink, kw::correlated<with_id>{value, "id", "7"}));
  CHECK(!kw::encode_text(sink, kw::correlated<with_id>{value, "kind", "7"}));
  CHECK(!kw::encode_text(sink, kw::correlated<with_id>{value, "op", "7", "op"}));
  question const broken{"\xFF"};
  CHECK(kw::encode(kw::correlated<question>{broken, "id", "7"}, sink).error().code ==
        kw::json_errc::invalid_utf8);
  question const asked{"ann"};
  CHECK(kw::encode(kw::correlated<question>{asked, "\xFF", "7"}, sink).error().code ==
        kw::json_errc::invalid_utf8);
  CHECK(sink.text.empty());
  std::string whole = "as it was";
  question const long_and_broken{std::string(5000, 'x') + "\xFF"};
  CHECK(!kw::encode(kw::correlated<question>{long_and_broken, "id", "7"}, whole));
  CHECK(whole == "as it was");
  CHECK(kw::encode(kw::correlated<with_id>{value, "id", ""}, sink));
  CHECK(kw::encode(kw::correlated<with_id>{value, "number", "7"}, sink));
  CHECK(sink.text == R"({"kind":"WITH_ID","id":1}{"kind":"WITH_ID","number":7,"id":1})");
}
