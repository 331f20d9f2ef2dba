#include <kindwire/json/reading/message_reader.hpp>

#include <kindwire/json/writer.hpp>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace message_reader_tests {

namespace kw = kindwire;
using kw::detail::kind_key;
using kw::detail::kind_place;
using kw::detail::message_reader;

namespace {

struct inner {
  std::string kind;
  int value = 0;
  static constexpr auto schema =
      kw::object(kw::field("kind", &inner::kind), kw::field("value", &inner::value, kw::defaulted));
};
struct letter {
  std::string text;
  int count;
  std::optional<inner> part;
  std::vector<std::string> more;
  static constexpr auto schema =
      kw::kind("LETTER", kw::field("text", &letter::text), kw::field("count", &letter::count),
               kw::field("part", &letter::part), kw::field("more", &letter::more, kw::defaulted));
};
// Nearly the same: only the kind tells them apart.
struct parcel {
  letter content;
  static constexpr auto schema = kw::kind("PARCEL", kw::field("content", &parcel::content, kw::defaulted));
};

constexpr kind_key key{"kind"};

// The message as a letter, or as a parcel without content, or nothing if it is none.
std::optional<std::string> read(message_reader& reader, kind_place const& place) {
  if (place.kind == "LETTER") {
    letter value{};
    if (reader.read_rest(value, place)) return *kw::to_json(value);
  } else if (place.kind == "PARCEL") {
    parcel value{};
    if (reader.read_rest(value, place)) return *kw::to_json(value);
  }
  return std::nullopt;
}

std::optional<std::string> by_guess(std::string_view text) {
  message_reader reader{text};
  kind_place place;
  return reader.guess_kind(key, place) ? read(reader, place) : std::nullopt;
}

// Also after a guess went wrong.
std::optional<std::string> by_search(std::string_view text) {
  message_reader reader{text};
  kind_place place;
  if (reader.guess_kind(key, place)) read(reader, place);
  reader.restart();
  return reader.find_kind(key, place) ? read(reader, place) : std::nullopt;
}

// The members, with the kind before the one at `at`.
std::string compose(std::vector<std::string> members, std::size_t at, std::string const& kind,
                    std::string const& space = {}) {
  members.insert(members.begin() + static_cast<std::ptrdiff_t>(at), kind);
  std::string text = space + '{';
  for (std::string const& member : members) {
    if (text.back() == '"' || text.back() == '}' || text.back() == ']' || text.back() == '7')
      text += space + ',';
    text += space + member;
  }
  return text + space + '}' + space;
}

}  // namespace

TEST_CASE("wherever the kind stands, the message is the same, and is read without searching for it") {
  std::vector<std::string> const members{R"("text":"the kind of a letter, \"kind\":\"PARCEL\"")",
                                         R"("count":7)", R"("more":["kind","x"])", R"("unknown":"\u00e9é")"};
  std::string const first = *by_search(compose(members, 0, R"("kind":"LETTER")"));
  for (std::string const& space : {std::string{}, std::string{" "}, std::string{"\n\t \r"}}) {
    std::string const kind = '"' + std::string{"kind\""} + space + ':' + space + R"("LETTER")";
    for (std::size_t at = 0; at <= members.size(); ++at) {
      std::string const text = compose(members, at, kind, space);
      CAPTURE(text);
      CHECK(by_guess(text) == first);
      CHECK(by_search(text) == first);
    }
  }
}

TEST_CASE("the kind of an object inside is not the message's") {
  std::vector<std::string> const members{R"("part":{"kind":"PARCEL","value":7})", R"("text":"a")",
                                         R"("count":7)"};
  for (std::size_t at = 0; at <= members.size(); ++at) {
    std::string const text = compose(members, at, R"("kind":"LETTER")");
    CAPTURE(text);
    CHECK(by_search(text) == *by_search(compose(members, 0, R"("kind":"LETTER")")));
  }
  CHECK(by_guess(compose(members, members.size(), R"("kind":"LETTER")")));
  for (std::string_view const text :
       {R"({"part":{"kind":"PARCEL"},"text":"a","count":7})",
        R"({"text":"a","count":7,"part":{"kind":"LETTER"}})", R"({"content":{"kind":"PARCEL"}})",
        R"({"text":"a","count":7,"more":["kind","LETTER"]})"}) {
    CAPTURE(text);
    CHECK(!by_guess(text));
    CHECK(!by_search(text));
  }
}

TEST_CASE("a guess is proved: a text that does not mean what it looks like is searched") {
  for (std::string_view const text : {
           R"({"text":"a","count":7,"kind":"LETTER"} x)",
           R"({"text":"a","count":7,"kind":"LETTER","kind":"LETTER"})",
           R"({"text":"a","count":7,"\u006bind":"LETTER","kind":"LETTER"})",
           R"({"text":"a","kind":"LETTER","count":7,"kind":"LETTER"})",
           R"({"text":"a","count":7,"kind":"LETTER\"})",
           R"({"text":"a","count":7,"more":["kind":"LETTER"})",
           R"({"text":"a","count":7,kind":"LETTER"})",
           R"({"text":"a","count":7 "kind":"LETTER"})",
           R"({"text":"a","count":"7","kind":"LETTER"})",
           R"("text":"a","count":7,"kind":"LETTER"})",
           R"({"text":"\","count":7,"kind":"LETTER"})",
           R"("kind":"LETTER"})",
           R"(kind":"LETTER"})",
           R"("LETTER"})",
           R"("})",
           R"({"kind":"LETTER)",
           R"({"kind":)",
           R"({"kind")",
       }) {
    CAPTURE(text);
    std::vector<char> const copy(text.begin(), text.end());  // with nothing behind it
    CHECK(!by_guess({copy.data(), copy.size()}));
    CHECK(!by_search({copy.data(), copy.size()}));
  }
  CHECK(by_search(R"({"text":"a","count":7,"\u006bind":"LETTER"})"));
  CHECK(by_search(R"({"text":"a","count":7,"kind":"LETT\u0045R"})"));
}

TEST_CASE("what a guess reads is what a search reads, whatever the text") {
  std::mt19937 random{20261125};
  auto const pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>{0, below - 1}(random);
  };
  std::vector<std::string> const pool{R"("text":"a")",
                                      R"("text":"\"kind\":\"PARCEL\"}")",
                                      R"("count":7)",
                                      R"("part":{"kind":"PARCEL"})",
                                      R"("part":{"value":7,"kind":"LETTER"})",
                                      R"("more":["\\","kind",""])",
                                      R"("more":["}\\"])",
                                      R"("kin":"kind")",
                                      R"("x":["kind","LETTER"])",
                                      R"("content":{"kind":"LETTER","text":"kind","count":7})",
                                      R"("kind":"PARCEL")",
                                      R"("k\u0069nd":"LETTER")",
                                      R"("kind":"LETT\u0045R")"};
  int guessed = 0;
  int found = 0;
  for (int round = 0; round < 40'000; ++round) {
    std::vector<std::string> members{pool[pick(2)], R"("count":7)"};
    for (std::size_t more = pick(4); more != 0; --more) members.push_back(pool[pick(pool.size())]);
    std::swap(members[pick(members.size())], members[pick(members.size())]);
    std::string text =
        compose(members, pick(members.size() + 1), pick(8) == 0 ? R"("kind":"PARCEL")" : R"("kind":"LETTER")",
                pick(4) == 0 ? " " : "");
    if (pick(2) == 0) {
      // One byte is another, or is gone, or is there twice.
      std::size_t const at = pick(text.size());
      switch (pick(3)) {
        case 0: text[at] = R"({}[]":,\ k7)"[pick(11)]; break;
        case 1: text.erase(at, 1); break;
        default: text.insert(at, 1, text[at]);
      }
    }
    std::vector<char> const copy(text.begin(), text.end());
    auto const guess = by_guess({copy.data(), copy.size()});
    auto const search = by_search({copy.data(), copy.size()});
    CAPTURE(text);
    if (guess) REQUIRE(guess == search);
    guessed += guess ? 1 : 0;
    found += search ? 1 : 0;
  }
  CHECK(found > 10'000);
  CHECK(guessed > found / 2);
}

TEST_CASE("a key that no text has as it is, is searched for") {
  for (std::string_view const name : {"", "\"", "k\\", "k\n", "é"}) CHECK(!kind_key{name}.plain);
  CHECK(kind_key{"k"}.plain);
  message_reader reader{R"({"a":1,"":"X"})"};
  kind_place place;
  CHECK(!reader.guess_kind(kind_key{""}, place));
  REQUIRE(reader.find_kind(kind_key{""}, place));
  CHECK(place.kind == "X");
}

TEST_CASE("one reader's memory serves the next") {
  std::string const text =
      R"({"kind":"LETTER","text":"a","count":1,"\n)" + std::string(100, 'x') + R"(":"unknown"})";
  message_reader::memory kept;
  void const* block = nullptr;
  for (int round = 0; round != 3; ++round) {
    message_reader reader{text};
    reader.swap_memory(kept);
    CHECK(kept.names == nullptr);
    CHECK(kept.scratch.empty());
    kind_place place;
    REQUIRE(reader.guess_kind(key, place));
    letter value{};
    REQUIRE(reader.read_rest(value, place));
    CHECK(value.text == "a");
    reader.swap_memory(kept);
    CHECK(kept.names != nullptr);
    CHECK(kept.scratch.capacity() > 100);
    if (round == 0) block = kept.scratch.data();
    CHECK(kept.scratch.data() == block);
    kept.scratch.clear();
  }
}

}  // namespace message_reader_tests
