#include <kindwire/json/text/strings.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace strings_tests {

using namespace kindwire::detail;

TEST_CASE("a run of plain bytes ends at every byte that is not, wherever that stands") {
  for (int byte = 0; byte < 256; ++byte) {
    bool const plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
    for (std::size_t size = 0; size <= 40; ++size) {
      for (std::size_t from = 0; from <= size; ++from) {
        for (std::size_t at = from; at < size; at += 1 + size / 20) {
          // On the heap, so that a sanitizer sees what is read outside of it. What was passed is looked at no
          // more.
          std::vector<char> text(size, 'x');
          std::fill_n(text.data(), from, '"');
          text[at] = static_cast<char>(byte);
          char const* const end = text.data() + size;
          REQUIRE(skip_plain(text.data(), text.data() + from, end) == (plain ? end : text.data() + at));
        }
        if (byte == 0) {
          std::string const text(size, 'x');
          char const* const end = text.data() + size;
          REQUIRE(skip_plain(text.data(), text.data() + from, end) == end);
        }
      }
    }
  }
}

TEST_CASE("a code point is one UTF-8 sequence, and no surrogate, overlong or cut one is") {
  auto const length = [](std::string const& bytes) -> std::ptrdiff_t {
    char const* position = bytes.data();
    return skip_utf8(position, bytes.data() + bytes.size()) ? position - bytes.data() : -1;
  };
  for (std::string const good : {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                                 "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(length(good) == static_cast<std::ptrdiff_t>(good.size()));
    if (good.size() > 1) CHECK(length(good.substr(0, good.size() - 1)) == -1);
    CHECK(length(good + "x") == static_cast<std::ptrdiff_t>(good.size()));
  }
  for (std::string const bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC2\x41", "\xE1\x80\x41"}) {
    CHECK(length(bad) == -1);
  }
}

TEST_CASE("a run of sequences ends before ASCII, at the end, or at what is none") {
  auto const length = [](std::string const& text) -> std::ptrdiff_t {
    std::vector<char> const bytes(text.begin(), text.end());
    char const* position = bytes.data();
    bool const good = skip_utf8_run(position, bytes.data() + bytes.size());
    return good ? position - bytes.data() : -1 - (position - bytes.data());
  };
  std::string const two = "\xC3\xA9\xF0\x9F\x98\x80";
  CHECK(length(two) == 6);
  CHECK(length(two + "a\xC3\xA9") == 6);
  CHECK(length(two + "\xC3") == -7);
  CHECK(length(two + "\xED\xA0\x80" + two) == -7);
  CHECK(length("\xFF") == -1);
}

TEST_CASE("every escape is decoded") {
  std::string const text = R"("a\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\u0000z")";
  std::string out = "before";
  unescaped const result = unescape_string(text.data(), text.data() + text.size(), &out);
  CHECK(result.code == kindwire::json_errc{});
  CHECK(result.position == text.data() + text.size());
  CHECK(out == std::string("a\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\0z", 21));
}

TEST_CASE("half of a surrogate pair is refused, whichever half") {
  for (std::string const text : {R"("\ud800")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\u0041")",
                                 R"("\udc00")", R"("x\udfff\ud83d\ude00")", R"("\ude00\ud83d")"}) {
    CAPTURE(text);
    CHECK(unescape_string(text.data(), text.data() + text.size(), nullptr).code ==
          kindwire::json_errc::lone_surrogate);
  }
}

TEST_CASE("an escape that ends too early is truncated, at every byte") {
  std::string const text = R"("\ud83d\ude00\n")";
  for (std::size_t size = 1; size < text.size(); ++size) {
    std::string const part = text.substr(0, size);
    CHECK(unescape_string(part.data(), part.data() + size, nullptr).code == kindwire::json_errc::truncated);
  }
}

}  // namespace strings_tests
