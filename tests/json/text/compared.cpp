// Texts and strings against RapidJSON's reader, where that is installed: what one takes the other takes, and
// what they differ in is known.
#include <kindwire/json/text/scanner.hpp>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace compared_tests {

using namespace kindwire::detail;
using kindwire::json_errc;

namespace {

// The error, or none.
json_errc check(std::string_view text) {
  // A copy on the heap, so that a sanitizer sees what is read past its end.
  std::vector<char> const bytes{text.begin(), text.end()};
  json_scanner scanner{{bytes.data(), bytes.size()}};
  if (scanner.skip_value() && scanner.finish()) return {};
  return scanner.take_error().code;
}

rapidjson::ParseErrorCode rapidjson_check(std::string_view text) {
  constexpr unsigned flags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
  rapidjson::MemoryStream stream{text.data(), text.size()};
  rapidjson::BaseReaderHandler<> ignore;
  return rapidjson::Reader{}.Parse<flags>(stream, ignore).Code();
}

// What RapidJSON makes of a text that is a string.
struct only_text : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, only_text> {
  std::string text;
  bool String(char const* letters, rapidjson::SizeType size, bool) {
    text.assign(letters, size);
    return true;
  }
};

}  // namespace

TEST_CASE("strings are decoded as RapidJSON decodes them, and refused where it refuses them") {
  std::vector<std::string> const parts{"a",
                                       "text of sixteen!",
                                       "\xC3\xA9",
                                       "\xF0\x9F\x98\x80",
                                       R"(\n)",
                                       R"(\")",
                                       R"(\\)",
                                       R"(\/)",
                                       R"(\u0041)",
                                       R"(\u00e9)",
                                       R"(\u20AC)",
                                       R"(\ud83d\ude00)",
                                       R"(\ud83d)",
                                       R"(\ude00)",
                                       R"(\u12)",
                                       R"(\x)",
                                       "\xFF",
                                       "\n",
                                       "\x01",
                                       R"(\u0000)",
                                       R"(\uDBFF\uDFFF)"};
  std::mt19937 random{21};
  int refused = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text = "\"";
    for (auto count = random() % 8; count != 0; --count)
      text += parts[random() % (round % 2 == 0 ? 12 : parts.size())];
    text += '"';
    std::vector<char> const bytes(text.begin(), text.end());
    std::string ours = "before";
    unescaped const result = unescape_string(bytes.data(), bytes.data() + bytes.size(), &ours);
    only_text theirs;
    rapidjson::MemoryStream stream{text.data(), text.size()};
    rapidjson::Reader reader;
    bool const accepted = !reader.Parse<rapidjson::kParseValidateEncodingFlag>(stream, theirs).IsError();
    refused += accepted ? 0 : 1;
    // RapidJSON 1.1.0 lets the second half of a pair pass alone.
    if (result.code == json_errc::lone_surrogate) continue;
    CAPTURE(text);
    REQUIRE((result.code == json_errc{}) == accepted);
    if (!accepted) continue;
    REQUIRE(ours == theirs.text);
    REQUIRE(result.position == bytes.data() + bytes.size());
  }
  CHECK(refused > 5'000);
}

TEST_CASE("changed texts are refused exactly when RapidJSON's own parser refuses them") {
  std::vector<std::string> const seeds{
      R"({"kind":"A","value":-12.5e-3,"list":[1,2,[],{}],"text":"a\"b\u00e9\ud83d\ude00 \\"})",
      R"([{"a":null,"b":true},false,0,-0.0,1e10,"é€😀",""])", R"( { "k" : [ [ [ 1 ] ] , "\n\t" ] } )"};
  std::string const alphabet = "{}[]:,\"\\/ \n0123456789.eE+-tfnul\x80\xC3\xA9\xED\xF0x";
  std::mt19937 random{20};
  int refused = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (auto changes = 1 + random() % 3; changes != 0; --changes) {
      std::size_t const at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = alphabet[random() % alphabet.size()]; break;
        case 1: text.erase(at, 1); break;
        default: text.insert(at, 1, alphabet[random() % alphabet.size()]);
      }
    }
    // Where they differ on purpose: RapidJSON 1.1.0 lets the low half of a surrogate pair pass, and it
    // converts every number, while one that is passed over may be of any size.
    json_errc const code = check(text);
    rapidjson::ParseErrorCode const theirs = rapidjson_check(text);
    if (code == json_errc::lone_surrogate || theirs == rapidjson::kParseErrorNumberTooBig) continue;
    CAPTURE(text);
    REQUIRE((code == json_errc{}) == (theirs == rapidjson::kParseErrorNone));
    refused += code != json_errc{};
  }
  CHECK(refused > 10'000);
}

}  // namespace compared_tests
