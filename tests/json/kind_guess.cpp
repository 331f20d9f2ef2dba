#include <kindwire/json/kind_guess.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

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

TEST_CASE("every beginning of a message that ends with its kind has none") {
  std::string const text = R"({"a":"text of more than sixteen","kind":"SEVENTEEN_LETTERS"})";
  for (std::size_t size = 0; size != text.size(); ++size) CHECK(last_kind(text.substr(0, size)) == "none");
  for (std::size_t from = 1; from != text.size(); ++from) {
    std::string const found = last_kind(text.substr(from));
    CHECK(found == (from <= text.find("\"kind\"") ? "SEVENTEEN_LETTERS" : "none"));
  }
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
