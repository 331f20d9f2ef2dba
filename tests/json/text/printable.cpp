#include <kindwire/json/text/printable.hpp>

#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <kindwire/message/utf8.hpp>

namespace printable_tests {

using namespace kindwire::detail;

namespace {

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

}  // namespace

TEST_CASE("a text is known to be UTF-8 at compile time") {
  static_assert(utf8_sequence("") == 0 && utf8_sequence("\xC3\xB6x") == 2 && utf8_sequence("\xC3") == 0);
  static_assert(all_utf8("") && all_utf8("gr\xC3\xB6\xC3\x9F\x65") && !all_utf8("gr\xC3"));
  std::string const cut = "\xF0\x9F\x90";
  CHECK(!all_utf8(cut));
  CHECK(all_utf8(cut + '\x8E'));
}

TEST_CASE("what is printed is UTF-8 without controls, whatever it was") {
  CHECK(printable("gr\xC3\xB6\xC3\x9F\x65 \xF0\x9F\x90\x8E \"\\'") ==
        "gr\xC3\xB6\xC3\x9F\x65 \xF0\x9F\x90\x8E \"\\'");
  CHECK(printable("a\nb\x1b[31m\x7f") == R"(a\x0ab\x1b[31m\x7f)");
  CHECK(printable("\xC3(\xA9\xED\xA0\x80\xF0\x9F\x90") == R"(\xc3(\xa9\xed\xa0\x80\xf0\x9f\x90)");
  // CSI in one character, a separator of lines, an override of the direction, and the neighbours of each.
  CHECK(printable("\u200e\u200f\u061c\u200d\u0627") ==
        "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c\u200d\u0627");
  CHECK(printable("\u009b31m\u2028\u202e") == R"(\xc2\x9b31m\xe2\x80\xa8\xe2\x80\xae)");
  CHECK(printable("\u00a0\u2027\u202f\u2065\u206a") == "\u00a0\u2027\u202f\u2065\u206a");
  CHECK(printable("\u2066\u2069") == R"(\xe2\x81\xa6\xe2\x81\xa9)");
  std::string quoted;
  append_quoted(quoted, "\"\\\n\xFF");
  CHECK(quoted == R"("\"\\\x0a\xff")");
  std::mt19937 random{7};
  for (int round = 0; round != 20'000; ++round) {
    std::string text;
    for (auto left = random() % 12; left != 0; --left) text += static_cast<char>(random());
    std::string const out = printable(text);
    REQUIRE(kindwire::is_utf8(out));
    for (char const letter : out) REQUIRE((static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7F));
  }
}

TEST_CASE("a path escapes what would look like two steps") {
  std::string path = "/inside";
  prepend_step(path, "a/b~c");
  CHECK(path == "/a~1b~0c/inside");
}

TEST_CASE("a step of a path is cut between characters, and shows what is none") {
  for (std::size_t before = 0; before != 5; ++before) {
    std::string name(before, 'a');
    while (name.size() < 100) name += "\xF0\x9F\x90\x8E";
    std::string path;
    prepend_step(path, name);
    CHECK(kindwire::is_utf8(path));
    CHECK(path.size() - 1 == 64 - (64 - before) % 4);
  }
  std::string path;
  prepend_step(path, "a\xFF/");
  CHECK(path == R"(/a\xff~1)");
  CHECK(cut_text("\x80\x80\x80\x80", 2).empty());
}

}  // namespace printable_tests
