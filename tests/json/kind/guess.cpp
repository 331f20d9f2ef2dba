#include <kindwire/json/kind/guess.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace guess_tests {

using namespace kindwire::detail;

namespace {

constexpr kind_key key{"kind"};

// What stands last, from the heap, so that a sanitizer sees what is read outside of it.
std::string last_kind(std::string const& text) {
  std::vector<char> const bytes(text.begin(), text.end());
  kind_place place;
  if (!ends_with_kind({bytes.data(), bytes.size()}, key, place)) return "none";
  std::string const member(place.at, place.end);
  CHECK(member.find("\"kind\"") == 0);
  CHECK(member.back() == '"');
  return std::string(place.kind);
}

}  // namespace

TEST_CASE("a kind that stands last is found whatever its length, with white space and without") {
  for (std::size_t size = 0; size <= 40; ++size) {
    std::string const kind(size, 'K');
    for (std::size_t before = 0; before <= 40; ++before) {
      std::string const member = "{\"a\":\"" + std::string(before, 'b') + "\",";
      CAPTURE(member);
      CHECK(last_kind(member + "\"kind\":\"" + kind + "\"}") == kind);
      CHECK(last_kind(member + "\"kind\" : \"" + kind + "\" } \n") == kind);
      CHECK(last_kind(member + "\"kin\":\"" + kind + "\"}") == "none");
      CHECK(last_kind(member + "\"kind\":\"" + kind + "\\\\\"}") == "none");
      CHECK(last_kind(member + "\"kind\":\"" + kind + "\xC3\xA9\"}") == "none");
      CHECK(last_kind(member + "\"kind\":\"" + kind + "\"") == "none");
      CHECK(last_kind(member + "kind\":\"" + kind + "\"}") == "none");
      CHECK(last_kind(member + "\"kind\";\"" + kind + "\"}") == "none");
      CHECK(last_kind(member + "\"kind':\"" + kind + "\"}") == "none");
      CHECK(last_kind(member + "\"kind\":'" + kind + "\"}") == "none");
      CHECK(last_kind(member + "\"kind\":\"" + kind + "'}") == "none");
    }
    CHECK(last_kind("{\"kind\":\"" + kind + "\"}") == kind);
  }
}

TEST_CASE("a kind between other members is found wherever it stands, unless an object was opened before it") {
  auto const found = [](std::string const& text, kind_key of = key) {
    std::vector<char> const bytes(text.begin(), text.end());
    kind_place place;
    if (!contains_kind({bytes.data(), bytes.size()}, of, place)) return std::string{"none"};
    CHECK(std::string(place.at, place.end) ==
          '"' + std::string(of.name) + "\":\"" + std::string(place.kind) + '"');
    return std::string(place.kind);
  };
  for (std::size_t before = 0; before <= 70; ++before) {
    for (std::size_t after = 0; after <= 70; ++after) {
      std::string const front = "{\"k\":\"" + std::string(before, 'b') + "\",";
      std::string const back = "\"kind\":\"INITIAL\"" + std::string(after, ' ');
      CAPTURE(before);
      CAPTURE(after);
      CHECK(found(front + back) == "INITIAL");
      CHECK(found(front + "\"kink\":1," + back) == "INITIAL");
      CHECK(found(front + "\"kind\"," + back) == "INITIAL");
      CHECK(found(front + "{" + back) == "none");
      CHECK(found(front + "\"kind\":\"INITIAL\"{" + back) == "INITIAL");
      CHECK(found(front + std::string(after, '{')) == "none");
      CHECK(found(front + "\"kind\":\"INITIAL") == "none");
      CHECK(found(front + "\"k\":\"X\"" + back, kind_key{"k"}) ==
            (before == 0 ? "" : std::string(before, 'b')));
    }
  }
  std::string const long_key = "a key of more than thirty-two characters";
  CHECK(found("{\"a\":1,\"" + long_key + "\":\"X\"}", kind_key{long_key}) == "X");
  for (std::string const text : {"", "{", "{\"", "{\"k", "{\"kind\"", "{\"kind\":", "{\"kind\":\""})
    CHECK(found(text) == "none");
}

TEST_CASE("every beginning of a message that ends with its kind has none") {
  std::string const text = R"({"a":"text of more than sixteen","kind":"SEVENTEEN_LETTERS"})";
  for (std::size_t size = 0; size != text.size(); ++size) CHECK(last_kind(text.substr(0, size)) == "none");
  for (std::size_t from = 1; from != text.size(); ++from) {
    std::string const found = last_kind(text.substr(from));
    CHECK(found == (from <= text.find("\"kind\"") ? "SEVENTEEN_LETTERS" : "none"));
  }
}

TEST_CASE("a text that ends nearly like its kind has none, however short it is") {
  for (std::string const& text : std::vector<std::string>{
           std::string(12, ' '), std::string(12, ' ') + "}", std::string(12, ' ') + "\" }",
           "aaaaaaaaaaaa\" }", "\"aaaaaaaaaaaa\" }", ":\"aaaaaaaaaaaa\" }", "\":\"aaaaaaaaaaaa\" }",
           "d\":\"aaaaaaaaaaaa\" }", "kind\":\"aaaaaaaaaaaa\" }", "?kind\":\"aaaaaaaaaaaa\" }",
           "\"kend\" :\"aaaaaaaaaaaa\"}", "\\\"aaaaaaaaaaaa\" }", "\xC3\xA9 aaaaaaaaaaaaaaaaaa\" }"}) {
    CAPTURE(text);
    CHECK(last_kind(text) == "none");
  }
  CHECK(last_kind("\"kind\" :\"A\"}") == "A");
  CHECK(last_kind("\"kind\": \"A\"}") == "A");
  CHECK(last_kind("\"kind\":\"A\" }") == "A");
  CHECK(last_kind("\"kind\":\"A\"\n}") == "A");
}

TEST_CASE("a kind that stands first is found with white space and without") {
  auto const rest = [](std::string const& text) -> std::string {
    char const* position = text.data();
    return begins_with_kind(position, text.data() + text.size(), key) ? position : "none";
  };
  CHECK(rest(R"({"kind":"A"})") == R"("A"})");
  CHECK(rest(" {\n\"kind\"\t: \"A\"}") == " \"A\"}");
  CHECK(rest(R"({"kind" :1})") == "1}");
  for (std::string const text : {R"({"kinds":"A"})", R"({"kin":"A"})", R"(["kind":"A"])",
                                 R"({"a":1,"kind":"A"})", "{", "", R"({"kind")", R"({"kind)"}) {
    CAPTURE(text);
    CHECK(rest(text) == "none");
  }
}

}  // namespace guess_tests
