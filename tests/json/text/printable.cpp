#include <kindwire/json/text/printable.hpp>

#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <kindwire/json/text/strings.hpp>
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

TEST_CASE("the first character of a text is found as by RapidJSON, for each beginning of four bytes") {
  // Of each byte's neighbours in the table of RFC 3629 §4.
  constexpr unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
                                     0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
                                     0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF};
  for (unsigned char const first : edges) {
    for (unsigned char const second : edges) {
      for (unsigned char const third : edges) {
        for (unsigned char const fourth : edges) {
          char const bytes[] = {static_cast<char>(first), static_cast<char>(second), static_cast<char>(third),
                                static_cast<char>(fourth)};
          for (std::size_t size = 1; size <= 4; ++size) {
            char const* end = bytes;
            std::size_t const expected =
                skip_utf8(end, bytes + size) ? static_cast<std::size_t>(end - bytes) : 0;
            if (utf8_sequence({bytes, size}) != expected) {
              CAPTURE(printable({bytes, size}));
              REQUIRE(utf8_sequence({bytes, size}) == expected);
            }
          }
        }
      }
    }
  }
  CHECK(utf8_sequence("") == 0);
  static_assert(all_utf8("gr\xC3\xB6\xC3\x9F\x65") && !all_utf8("gr\xC3"));
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
