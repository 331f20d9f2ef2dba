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

TEST_CASE("a head is found wherever its parts stand") {
  auto const head = [](std::string_view text) {
    kw::message_head const found = kw::read_head(text, "kind", "id");
    return std::string{found.kind()} + '|' + std::string{found.id()};
  };
  CHECK(head(R"({"kind":"A","id":7})") == "A|7");
  CHECK(head(R"( { "id" : -7.5e1 , "x" : {"kind":"B","id":9} , "kind" : "A" } )") == "A|-7.5e1");
  CHECK(head(R"({"\u0069d":"a\"b","k\u0069nd":"A"})") == R"(A|"a\"b")");
  CHECK(head(R"({"kind":"A"})") == "A|");
  CHECK(head(R"({"id":null,"kind":7})") == "|");
  CHECK(head(R"({"id":[7],"kind":"A"})") == "A|");
  CHECK(head(R"({"kind":"A","id":7,"broken)") == "A|7");
  CHECK(head(R"({"kind":"A","id":7,"x":.)") == "A|7");
  CHECK(head(R"({"kind":"A",})") == "A|");
  CHECK(head(R"({"kind":"A","x":"id","y":7})") == "A|");
  for (std::string_view const text :
       {"", "[]", "{", R"({"id":7)", R"({"id":07,"kind":"A"})", R"({"kind":"A","id":7.,})"}) {
    CHECK(head(text) == "|");
  }
  CHECK(kw::read_head(R"({"kind":"A","x":)", "kind", "").kind() == "A");
}

TEST_CASE("a head's kind is decoded, and belongs to the head then") {
  auto const kind = [](std::string const& text) {
    auto const found = std::make_unique<kw::message_head>(kw::read_head(text, "kind", "id"));
    kw::message_head const copy = *found;
    CHECK(copy.kind() == found->kind());
    return std::string{copy.kind()};
  };
  CHECK(kind(R"({"kind":"GR\u00d6SSE","id":1})") == "GR\u00d6SSE");
  CHECK(kind(R"({"kind":"\ud83d\ude00","id":1})") == "\U0001F600");
  CHECK(kind(R"({"id":1,"kind":"a\\\"\/\n)" + std::string(100, 'x') + "\"}") ==
        "a\\\"/\n" + std::string(100, 'x'));
  // What serializers make of what we write is the kind again.
  question const asked{"ann"};
  CHECK(kind(*kw::to_json(asked)) == kw::kind_of<question>);
}

TEST_CASE("of an id that stands twice none counts, unless it is said which") {
  using enum kw::duplicate_policy;
  auto const head = [](std::string_view text, kw::duplicate_policy policy) {
    kw::message_head const found = kw::read_head(text, "kind", "id", policy);
    return std::string{found.kind()} + '|' + std::string{found.id()};
  };
  constexpr std::string_view twice = R"({"id":1,"kind":"A","x":2,"i\u0064":"3","id":4})";
  CHECK(head(twice, refuse) == "A|");
  CHECK(head(twice, first) == "A|1");
  CHECK(head(twice, last) == "A|4");
  constexpr std::string_view before = R"({"id":{},"id":1,"kind":"A"})";
  CHECK(head(before, refuse) == "A|");
  CHECK(head(before, first) == "A|");
  CHECK(head(before, last) == "A|1");
  CHECK(head(R"({"id":1,"id":{},"kind":"A"})", last) == "A|");
  CHECK(head(R"({"kind":"A","id":1,"id":2,)", refuse) == "A|");
  CHECK(head(R"({"kind":"A","x":{"id":1},"id":2})", refuse) == "A|2");
  for (std::size_t const size : {std::size_t{0}, std::size_t{100}, std::size_t{1000}}) {
    std::string const begin = R"({"kind":"A","id":1,"x":")" + std::string(size, 'x') + "\",";
    CHECK(head(begin + R"("id":2})", refuse) == "A|");
    CHECK(head(begin + R"("\u0069d":2})", refuse) == "A|");
    CHECK(head(begin + R"("y":["id",{"id":3}],"z":"\"id\""})", refuse) == "A|1");
    CHECK(head(begin + R"("did":2,"idd":"id"})", refuse) == "A|1");
  }
  CHECK(head(R"({"kind":"A\n","kind":"B","id":2})", refuse) == "A\n|2");
  CHECK(head(R"({"kind":"A\n","kind":"B","id":2})", last) == "B|2");
  CHECK(head(R"({"id":2,"kind":"A","kind":"B"})", last) == "B|2");
  CHECK(kw::read_head(R"({"kind":"A","id":2,"kind":"B"})", "kind", "", last).kind() == "B");
  CHECK(kw::read_head(R"({"kind":"A","id":2,"kind":"B"})", "kind", "", first).kind() == "A");
}

TEST_CASE("a head is what the members say one by one, whatever they are") {
  struct written {
    std::string_view text;
    std::string_view means;
  };
  constexpr written names[] = {{R"("kind")", "kind"},       {R"("k\u0069nd")", "kind"}, {R"("id")", "id"},
                               {R"("\u0069\u0064")", "id"}, {R"("idd")", "idd"},        {R"("x")", "x"}};
  constexpr written kinds[] = {
      {R"("A")", "A"}, {R"("\u0042")", "B"}, {R"("id")", "id"}, {R"("\"id\"")", "\"id\""}};
  std::string const long_text = '"' + std::string(300, 'y') + '"';
  std::string_view const values[] = {"7",      R"("s")", "null", R"({"id":1,"kind":"C"})", R"(["id","kind"])",
                                     long_text};
  using enum kw::duplicate_policy;
  std::mt19937 random(20261125);
  auto const below = [&](std::size_t bound) { return random() % bound; };
  for (int round = 0; round < 20'000; ++round) {
    auto const policy = std::array{refuse, first, last}[below(3)];
    std::string text = "{";
    std::optional<std::string> kind;
    std::optional<std::string> id;
    bool again = false;
    std::size_t const count = below(7);
    for (std::size_t index = 0; index < count; ++index) {
      if (index != 0) text += below(2) == 0 ? "," : " , ";
      auto const& name = names[below(std::size(names))];
      auto const& of_kind = kinds[below(std::size(kinds))];
      bool const is_kind = name.means == "kind";
      std::string_view const value = is_kind ? of_kind.text : values[below(std::size(values))];
      text += std::string{name.text} + (below(2) == 0 ? ":" : " : ") + std::string{value};
      if (is_kind && (!kind || policy == last)) kind = of_kind.means;
      if (name.means != "id") continue;
      again |= id.has_value();
      if (!id || policy == last) id = value[0] == '7' || value[0] == '"' ? value : "";
    }
    text += '}';
    if (again && policy == refuse) id = "";
    kw::message_head const found = kw::read_head(text, "kind", "id", policy);
    CAPTURE(text);
    CHECK(found.kind() == kind.value_or(""));
    CHECK(found.id() == id.value_or(""));
  }
}
