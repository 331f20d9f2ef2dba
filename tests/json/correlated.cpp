#include <kindwire/json/correlated.hpp>

#include <kindwire/json/reader.hpp>

#include <string>
#include <string_view>

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
  CHECK(text_of(kw::correlated<question>{asked, "id", ""}) == kw::to_json(asked));
  CHECK(text_of(kw::correlated<question>{asked, "id", "7", "op"}) ==
        R"({"op":"QUESTION \"1\"","id":7,"name":"ann"})");
  CHECK(text_of(kw::correlated<empty>{empty{}, "id", "7"}) == R"({"type":"EMPTY","id":7})");
  CHECK(text_of(kw::correlated<empty>{empty{}, "id", "", "op"}) == R"({"op":"EMPTY"})");
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
  question const broken{"\xFF"};
  CHECK(kw::encode(kw::correlated<question>{broken, "id", "7"}, sink).error().code ==
        kw::json_errc::invalid_utf8);
  CHECK(sink.text.empty());
  CHECK(kw::encode(kw::correlated<with_id>{value, "id", ""}, sink));
  CHECK(kw::encode(kw::correlated<with_id>{value, "number", "7"}, sink));
  CHECK(sink.text == R"({"kind":"WITH_ID","id":1}{"kind":"WITH_ID","number":7,"id":1})");
}

TEST_CASE("a head is found wherever its parts stand") {
  auto const head = [](std::string_view text) {
    kw::message_head const found = kw::read_head(text, "kind", "id");
    return std::string{found.kind} + '|' + std::string{found.id};
  };
  CHECK(head(R"({"kind":"A","id":7})") == "A|7");
  CHECK(head(R"( { "id" : -7.5e1 , "x" : {"kind":"B","id":9} , "kind" : "A" } )") == "A|-7.5e1");
  CHECK(head(R"({"\u0069d":"a\"b","k\u0069nd":"A"})") == R"(A|"a\"b")");
  CHECK(head(R"({"kind":"A"})") == "A|");
  CHECK(head(R"({"id":null,"kind":7})") == "|");
  CHECK(head(R"({"id":[7],"kind":"A","id":8})") == "A|8");
  CHECK(head(R"({"kind":"A","id":7,"broken)") == "A|7");
  for (std::string_view const text :
       {"", "[]", "{", R"({"id":7)", R"({"id":07,"kind":"A"})", R"({"kind":"A",})"}) {
    CHECK(head(text) == "|");
  }
  CHECK(kw::read_head(R"({"kind":"A","x":)", "kind", "").kind == "A");
}
