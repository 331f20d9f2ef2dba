#include <kindwire/documents/typescript.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace {

struct either {
  int value = 0;
};

}  // namespace

template <>
struct kw::json_codec<either> {
  static bool read(kw::json_reader& reader, either& value) { return reader.read(value.value); }
  static constexpr std::string_view typescript = "number|string";
};

namespace {

enum class side { left, right };

struct minutes {
  int count = 0;
};

}  // namespace

template <>
inline constexpr auto kw::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left),
                                                         kw::enumerator("RI\"GHT", side::right));

template <>
struct kw::json_codec<minutes> {
  static bool read(kw::json_reader& reader, minutes& value) { return reader.read(value.count); }
  static constexpr std::string_view typescript = "5 | 10";
};

namespace {

struct one_part {
  bool on = false;
  static constexpr auto schema = kw::object(kw::field("on", &one_part::on));
};

namespace other {
struct one_part {
  std::uint16_t port = 80;
  static constexpr auto schema = kw::object(kw::field("port", &one_part::port, kw::defaulted));
};
}  // namespace other

struct whole {
  std::optional<one_part> maybe;
  std::vector<std::optional<double>> gaps;
  std::array<side, 2> pair{};
  std::array<side, 20> many{};
  std::map<std::string, other::one_part> parts;
  std::vector<minutes> after;
  std::string text;
  static constexpr auto schema = kw::kind(
      "WHOLE", kw::key("op-code"), kw::field("maybe", &whole::maybe), kw::field("gaps", &whole::gaps),
      kw::field("pair", &whole::pair), kw::field("many", &whole::many), kw::field("parts", &whole::parts),
      kw::field("after", &whole::after), kw::field("a \"text\"", &whole::text));
};

enum class axis { upright = 5 };

}  // namespace

template <>
inline constexpr auto kw::schema<axis> = kw::enumeration(kw::enumerator("UPRIGHT", axis::upright));

namespace {

struct by_number {
  std::vector<side> sides;
  std::vector<axis> upright;
  static constexpr auto schema = kw::object(kw::field("sides", &by_number::sides, kw::as_number),
                                            kw::field("upright", &by_number::upright, kw::as_number));
};

struct starts {
  side where = side::left;
  ::either one{};
  std::tuple<int, bool> two{};
  static constexpr auto schema = kw::object(kw::field("where", &starts::where, kw::defaulted),
                                            kw::field("either", &starts::one, kw::defaulted),
                                            kw::field("pair", &starts::two, kw::defaulted));
};

struct end {
  static constexpr auto schema = kw::kind("END", kw::key("op-code"), kw::description("No more\nof it. */"));
};

struct limited {
  double percent = 0;
  float ratio = 0;
  std::optional<unsigned> small;
  std::vector<std::string> names;
  std::vector<std::variant<end>> ends;
  std::vector<std::variant<end, whole>> either;
  kw::raw_json rest;
  std::chrono::seconds age{};
  std::vector<std::chrono::milliseconds> steps;
  std::string title = "none";
  static constexpr auto schema =
      kw::object(kw::field("percent", &limited::percent, kw::minimum(0), kw::description("how far")),
                 kw::field("ratio", &limited::ratio, kw::maximum(0.5)),
                 kw::field("small", &limited::small, kw::maximum(7)),
                 kw::field("names", &limited::names, kw::min_length(1), kw::max_items(3)),
                 kw::field("ends", &limited::ends), kw::field("either", &limited::either),
                 kw::field("rest", &limited::rest),
                 kw::field("age", &limited::age, kw::unit<std::chrono::duration<std::int32_t, std::milli>>,
                           kw::minimum(0), kw::description("how old")),
                 kw::field("steps", &limited::steps, kw::unit<std::chrono::duration<double>>),
                 kw::field("title", &limited::title, kw::max_length(64), kw::min_length(1), kw::defaulted));
};

}  // namespace

TEST_CASE("TypeScript of every form that a field can have") {
  CHECK(kw::typescript<whole, end>("any message") ==
        R"(// Printed from the C++ declarations of these messages.

export interface Whole {
  "op-code": "WHOLE";
  maybe?: OnePart | null;
  gaps: (number | null)[];
  pair: [Side, Side];
  /** elements: 20 */
  many: Side[];
  parts: { [key: string]: OnePart2 };
  after: (5 | 10)[];
  "a \"text\"": string;
}

export interface OnePart {
  on: boolean;
}

export type Side = "LEFT" | "RI\"GHT";

export interface OnePart2 {
  /** an integer from 0 to 65535; absent: 80 */
  port?: number;
}

/** No more
 * of it. *\/ */
export interface End {
  "op-code": "END";
}

export type AnyMessage =
  | Whole
  | End;
)");
}

TEST_CASE("TypeScript of what is said of fields, in comments where types cannot") {
  std::string const text = kw::typescript<limited>();
  CHECK(text.substr(text.find("export"), text.find("/** No more") - text.find("export")) ==
        R"(export interface Limited {
  /** how far; a number from 0 on */
  percent: number;
  /** a number up to 0.5 */
  ratio: number;
  /** an integer from 0 to 7 */
  small?: number | null;
  /** elements: up to 3 */
  names: string[];
  ends: End[];
  either: (End | Whole)[];
  rest: unknown;
  /** how old, in milliseconds; a multiple of 1000 from 0 to 2147483647 */
  age: number;
  /** in seconds that come to whole milliseconds */
  steps: number[];
  /** characters: from 1 to 64; absent: "none" */
  title?: string;
}

)");
}

TEST_CASE("TypeScript of any type") {
  CHECK(
      kw::typescript<std::vector<std::optional<bool>>>("flags") ==
      "// Printed from the C++ declarations of these messages.\n\nexport type Flags = (boolean | null)[];\n");
  CHECK(kw::typescript<one_part>("Part") == R"(// Printed from the C++ declarations of these messages.

export interface OnePart {
  on: boolean;
}

export type Part = OnePart;
)");
}

TEST_CASE("TypeScript of a protocol: a union for each direction that has messages") {
  kw::protocol api{{.title = "test"}};
  api.route("/upload/{user}").receives<end>().sends<whole, end>();
  api.route("/*/").sends<end>();
  api.route("/nothing").receives_binary("bytes");
  std::string const text = kw::typescript(api);
  CHECK(text.find(
            "\n/** What the server receives at `/upload/{user}`. */\nexport type UploadToServer = End;\n") !=
        std::string::npos);
  CHECK(text.find("export type UploadFromServer =\n  | End\n  | Whole;\n") == std::string::npos);
  CHECK(text.find("export type UploadFromServer =\n  | Whole\n  | End;\n") != std::string::npos);
  CHECK(text.find("/** What the server sends at `/*\\/`. */") != std::string::npos);
  CHECK(text.find("Nothing") == std::string::npos);
}

TEST_CASE("TypeScript of questions and answers: with an id, each in its direction") {
  kw::protocol api{{}};
  api.route("/q").sends<whole>().answers<end, whole, end>().answers<whole, end>().asks<end, whole>("an id");
  std::string const text = kw::typescript(api);
  CHECK(text.find(R"(export type QToServer =
  | (End & { id?: number | string })
  | (Whole & { id?: number | string })
  | (Whole & { "an id"?: number | string });
)") != std::string::npos);
  CHECK(text.find(R"(export type QFromServer =
  | Whole
  | (End & { "an id"?: number | string })
  | (Whole & { id?: number | string })
  | (End & { id?: number | string });
)") != std::string::npos);
}

TEST_CASE("TypeScript of types in others means what it says") {
  auto const type = [](std::string const& text) {
    std::size_t const at = text.find("= ", text.find("export type X")) + 2;
    return text.substr(at, text.find(";\n", at) - at);
  };
  CHECK(type(kw::typescript<either>("X")) == "number|string");
  CHECK(type(kw::typescript<std::vector<either>>("X")) == "(number|string)[]");
  CHECK(type(kw::typescript<std::array<either, 2>>("X")) == "[number|string, number|string]");
  CHECK(type(kw::typescript<std::map<std::string, either>>("X")) == "{ [key: string]: number|string }");
  CHECK(type(kw::typescript<std::vector<std::optional<either>>>("X")) == "((number|string) | null)[]");
  CHECK(type(kw::typescript<std::vector<std::vector<std::map<std::string, bool>>>>("X")) ==
        "{ [key: string]: boolean }[][]");
  CHECK(type(kw::typescript<std::vector<std::array<bool, 2>>>("X")) == "[boolean, boolean][]");
  std::string const numbered = kw::typescript<by_number>();
  CHECK(numbered.find("  sides: (0 | 1)[];") != std::string::npos);
  CHECK(numbered.find("  upright: (5)[];") == std::string::npos);
  CHECK(numbered.find("  upright: 5[];") != std::string::npos);
}

TEST_CASE("TypeScript says what absence means, if it is short and not a codec's") {
  std::string const text = kw::typescript<starts>();
  CHECK(text.find("  /** absent: \"LEFT\" */\n  where?: Side;") != std::string::npos);
  CHECK(text.find("*/\n  either?") == std::string::npos);
  CHECK(text.find("*/\n  pair?") == std::string::npos);
}
