#include <kindwire/json/text/byte_text.hpp>

#include <cstddef>
#include <optional>
#include <random>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace byte_text_tests {

using kindwire::detail::byte_spelling;
using bytes = std::vector<unsigned char>;

namespace {

template <byte_spelling How>
std::string spell(bytes const& value) {
  std::string out;
  kindwire::detail::write_bytes<How>(value.data(), value.size(),
                                     [&](std::string_view piece) { out += piece; });
  CHECK(out.size() == kindwire::detail::spelt_size(How, value.size()));
  return out;
}

template <byte_spelling How>
std::optional<bytes> read(std::string_view text) {
  auto const count = kindwire::detail::byte_count(How, text);
  if (!count) return std::nullopt;
  bytes value(*count);
  if (!kindwire::detail::read_bytes<How>(text, value.data())) return std::nullopt;
  return value;
}

bytes of(std::string_view text) { return {text.begin(), text.end()}; }

// By hand, a digit at a time: slow, and to compare with.
std::string slow_base64(bytes const& value, std::string_view alphabet, bool padded) {
  std::string bits;
  for (unsigned char const byte : value) {
    for (int bit = 7; bit >= 0; --bit) bits += (byte >> bit & 1) != 0 ? '1' : '0';
  }
  while (bits.size() % 6 != 0) bits += '0';
  std::string out;
  for (std::size_t at = 0; at < bits.size(); at += 6)
    out += alphabet[static_cast<std::size_t>(std::stoi(bits.substr(at, 6), nullptr, 2))];
  while (padded && out.size() % 4 != 0) out += '=';
  return out;
}

}  // namespace

TEST_CASE("the examples of RFC 4648") {
  using enum byte_spelling;
  for (auto const& [plain, base64_text, hex_text] :
       std::initializer_list<std::tuple<std::string_view, std::string_view, std::string_view>>{
           {"", "", ""},
           {"f", "Zg==", "66"},
           {"fo", "Zm8=", "666f"},
           {"foo", "Zm9v", "666f6f"},
           {"foob", "Zm9vYg==", "666f6f62"},
           {"fooba", "Zm9vYmE=", "666f6f6261"},
           {"foobar", "Zm9vYmFy", "666f6f626172"}}) {
    CHECK(spell<base64>(of(plain)) == base64_text);
    CHECK(spell<hex>(of(plain)) == hex_text);
    std::string_view const unpadded = base64_text.substr(0, base64_text.find('='));
    CHECK(spell<base64url>(of(plain)) == unpadded);
    CHECK(read<base64>(base64_text) == of(plain));
    CHECK(read<hex>(hex_text) == of(plain));
    CHECK(read<base64url>(unpadded) == of(plain));
  }
  CHECK(read<hex>("666F6f") == of("foo"));
  CHECK(spell<base64>({0xFB, 0xFF}) == "+/8=");
  CHECK(spell<base64url>({0xFB, 0xFF}) == "-_8");
}

TEST_CASE("the letters of each spelling") {
  for (auto const& [how, letters] :
       {std::pair{byte_spelling::hex, 16U}, {byte_spelling::base64, 64U}, {byte_spelling::base64url, 64U}}) {
    CHECK(kindwire::detail::alphabet_of(how).size() == letters);
  }
}

TEST_CASE("every number of bytes is spelt as by hand, read again, and of the pattern") {
  using enum byte_spelling;
  std::mt19937 random{7};
  std::regex const any_hex{kindwire::detail::byte_pattern(hex, std::nullopt)};
  std::regex const any_base64{kindwire::detail::byte_pattern(base64, std::nullopt)};
  std::regex const any_base64url{kindwire::detail::byte_pattern(base64url, std::nullopt)};
  for (std::size_t size = 0; size != 70; ++size) {
    bytes value(size);
    for (auto& byte : value) byte = static_cast<unsigned char>(random());
    std::string const in_base64 = spell<base64>(value);
    std::string const in_base64url = spell<base64url>(value);
    std::string const in_hex = spell<hex>(value);
    CHECK(in_base64 == slow_base64(value, kindwire::detail::alphabet_of(base64), true));
    CHECK(in_base64url == slow_base64(value, kindwire::detail::alphabet_of(base64url), false));
    CHECK(read<base64>(in_base64) == value);
    CHECK(read<base64url>(in_base64url) == value);
    CHECK(read<hex>(in_hex) == value);
    CHECK(std::regex_match(in_base64, any_base64));
    CHECK(std::regex_match(in_base64url, any_base64url));
    CHECK(std::regex_match(in_hex, any_hex));
    CHECK(std::regex_match(in_base64, std::regex{kindwire::detail::byte_pattern(base64, size)}));
    CHECK(std::regex_match(in_base64url, std::regex{kindwire::detail::byte_pattern(base64url, size)}));
    CHECK(std::regex_match(in_hex, std::regex{kindwire::detail::byte_pattern(hex, size)}));
    CHECK(!std::regex_match(in_base64, std::regex{kindwire::detail::byte_pattern(base64, size + 1)}));
  }
}

TEST_CASE("what is not how these bytes are spelt is refused") {
  using enum byte_spelling;
  for (std::string_view const text : {"Z", "Zg", "Zg=", "Zg===", "Z===", "=", "====", "Zh==", "Zm9=", "Zm8",
                                      "Zg==Zg==", "Zm 9", "Zm9v\n", "-_8=", "Zg=g", "Zm9\x80"}) {
    CAPTURE(text);
    CHECK(!read<base64>(text));
  }
  for (std::string_view const text : {"Z", "Zh", "Zm9", "Zg==", "+/8", "Zm9vY"}) {
    CAPTURE(text);
    CHECK(!read<base64url>(text));
  }
  for (std::string_view const text : {"6", "6g", "0x66", " 66", "66 ", "g6"}) {
    CAPTURE(text);
    CHECK(!read<hex>(text));
  }
}

TEST_CASE("changed texts are accepted exactly when the pattern accepts them") {
  using enum byte_spelling;
  std::mt19937 random{11};
  std::regex const pattern{kindwire::detail::byte_pattern(base64, std::nullopt)};
  std::regex const url_pattern{kindwire::detail::byte_pattern(base64url, std::nullopt)};
  std::string_view const letters = "AQgwEIMcZz09+/-_= \n";
  int accepted = 0;
  for (int round = 0; round != 4000; ++round) {
    std::string text;
    for (std::size_t left = random() % 9; left != 0; --left) text += letters[random() % letters.size()];
    CAPTURE(text);
    bool const good = std::regex_match(text, pattern);
    CHECK(read<base64>(text).has_value() == good);
    CHECK(read<base64url>(text).has_value() == std::regex_match(text, url_pattern));
    accepted += good ? 1 : 0;
  }
  CHECK(accepted > 100);
}

}  // namespace byte_text_tests
