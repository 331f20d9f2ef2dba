#include <kindwire/json/text/word.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace word_tests {

using namespace kindwire::detail;

TEST_CASE("a word is the next eight bytes, zeros behind the end, and nothing outside is read") {
  for (std::size_t size = 0; size <= 20; ++size) {
    std::vector<char> text;
    for (std::size_t index = 0; index < size; ++index) text.push_back(static_cast<char>(0xE0 + index));
    for (std::size_t from = 0; from <= size; ++from) {
      std::uint64_t expected = 0;
      for (std::size_t index = 0; index < 8 && from + index < size; ++index)
        expected |= std::uint64_t{0xE0 + from + index} << (8 * index);
      CHECK(load_word(text.data(), text.data() + from, text.data() + size) == expected);
    }
  }
}

TEST_CASE("texts are the same when every byte is") {
  for (std::size_t size = 0; size <= 40; ++size) {
    std::vector<char> const text(size, 'a');
    std::vector<char> other = text;
    CHECK(same_text({text.data(), size}, {other.data(), size}));
    for (std::size_t at = 0; at < size; ++at) {
      other[at] = 'b';
      CHECK_FALSE(same_text({text.data(), size}, {other.data(), size}));
      other[at] = 'a';
    }
  }
  CHECK_FALSE(same_text("abc", "abcd"));
  CHECK_FALSE(same_text("", "a"));
}

TEST_CASE("a text is copied, every byte and no other") {
  for (std::size_t size = 0; size <= 80; ++size) {
    std::vector<char> from;
    for (std::size_t index = 0; index < size; ++index) from.push_back(static_cast<char>('!' + index));
    std::vector<char> to(size);
    copy_text(to.data(), from.data(), size);
    CHECK(to == from);
    std::string around(size + 2, '?');
    copy_text(around.data() + 1, from.data(), size);
    CHECK(around == "?" + std::string(from.begin(), from.end()) + "?");
  }
}

}  // namespace word_tests
