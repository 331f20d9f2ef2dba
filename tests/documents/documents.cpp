// Prints documents of the messages in messages.hpp, or texts with the reader's verdict on each, for the
// scripts beside it.
//
// usage: documents schemas | verdicts SEED COUNT | typescript | asyncapi
//
// `schemas` and `verdicts` print a JSON object a line: {"set","schema"} and {"set","text","valid","code",…}.
#include <kindwire/documents/asyncapi.hpp>
#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/dispatcher.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "messages.hpp"
#include "mutation.hpp"

namespace {

using namespace documents;
using kw::detail::json_string;

struct verdict {
  bool valid = true;
  kw::json_error error{};
};

template <class Outcome>
verdict verdict_of(Outcome const& outcome) {
  return outcome ? verdict{} : verdict{false, outcome.error()};
}

// A set of types, the documents of it, and its reader.
struct message_set {
  std::string name;
  std::string schema;
  std::vector<std::size_t> entries;
  verdict (*read)(std::string_view text);
};

enum class mode { open, closed, closed_with_id };

constexpr kw::json_options options_of(mode how) {
  return {.refuse_unknown_fields = how != mode::open, .id_name = how == mode::closed_with_id ? "id" : ""};
}

template <mode How, class T>
verdict read_one(std::string_view text) {
  return verdict_of(kw::decode<T>(text, options_of(How)));
}

template <mode How, class... T>
verdict read_any(std::string_view text) {
  static kw::dispatcher const on{options_of(How), [](T const&) {}...};
  return verdict_of(on(text));
}

template <mode How, class... T>
message_set make_set(kw::detail::catalogue& types, std::string name) {
  message_set set{std::move(name), kw::json_schema<T...>(options_of(How)), {types.add<T>()...}, nullptr};
  if constexpr (sizeof...(T) == 1) {
    set.read = &read_one<How, T...>;
  } else {
    set.read = &read_any<How, T...>;
  }
  return set;
}

std::vector<message_set> make_sets(kw::detail::catalogue& types) {
  return {make_set<mode::open, point>(types, "point"),
          make_set<mode::open, numbers>(types, "numbers"),
          make_set<mode::open, named>(types, "named"),
          make_set<mode::closed, named>(types, "named, closed"),
          make_set<mode::open, nested>(types, "nested"),
          make_set<mode::closed, nested>(types, "nested, closed"),
          make_set<mode::open, lists>(types, "lists"),
          make_set<mode::open, absent>(types, "absent"),
          make_set<mode::closed, absent>(types, "absent, closed"),
          make_set<mode::open, tree>(types, "tree"),
          make_set<mode::open, envelope>(types, "envelope"),
          make_set<mode::open, limited>(types, "limited"),
          make_set<mode::open, timed>(types, "timed"),
          make_set<mode::open, mixed>(types, "mixed"),
          make_set<mode::closed, mixed>(types, "mixed, closed"),
          make_set<mode::open, coded>(types, "coded"),
          make_set<mode::open, coded, opened>(types, "coded and opened"),
          make_set<mode::closed, coded, opened>(types, "coded and opened, closed"),
          make_set<mode::open, numbers, nested, lists, absent, tree, empty, envelope, limited, mixed>(types,
                                                                                                      "all"),
          make_set<mode::closed, numbers, nested, lists, absent, tree, empty, envelope, limited, mixed>(
              types, "all, closed")};
}

// Whether TypeScript's types tell the mistake, too: they know no ranges and no integers.
bool told_by_types(kw::json_error const& error) {
  switch (error.code) {
    case kw::json_errc::missing_field:
    case kw::json_errc::missing_kind:
    case kw::json_errc::unknown_enumerator:
    case kw::json_errc::wrong_kind: return true;
    case kw::json_errc::wrong_type: return error.found.starts_with("a") || error.found == "null";
    default: return false;
  }
}

void print_verdicts(unsigned seed, std::size_t count) {
  kw::detail::catalogue types;
  std::vector<message_set> const sets = make_sets(types);
  generator random{types, seed};
  for (std::size_t number = 0; number != count; ++number) {
    message_set const& set = sets[number % sets.size()];
    auto const& entry = types.entries()[set.entries[random.up_to(set.entries.size() - 1)]];
    json_value value = random.valid(entry, static_cast<unsigned>(random.up_to(3)));
    std::size_t const mistakes = random.one_in(4) ? 0 : random.one_in(3) ? 2 + random.up_to(1) : 1;
    for (std::size_t left = mistakes; left != 0; --left) random.mutate(value);
    std::string text;
    value.print(text);
    verdict const found = set.read(text);
    // A literal of the type that TypeScript must take (or must not): of one type, with one mistake at most.
    bool const literal =
        set.entries.size() == 1 && mistakes < 2 && (found.valid ? mistakes == 0 : told_by_types(found.error));
    std::printf(
        "{\"set\":%s,\"text\":%s,\"valid\":%s,\"mistakes\":%zu,\"code\":%s,\"error\":%s,\"literal\":%s}\n",
        json_string(set.name).c_str(), json_string(text).c_str(), found.valid ? "true" : "false", mistakes,
        json_string(std::error_code{found.error}.message()).c_str(),
        json_string(found.error.message()).c_str(),
        literal ? json_string(kw::detail::pascal_case(entry.name)).c_str() : "null");
  }
}

void print_schemas() {
  kw::detail::catalogue types;
  for (message_set const& set : make_sets(types)) {
    std::printf("{\"set\":%s,\"schema\":%s}\n", json_string(set.name).c_str(),
                json_string(set.schema).c_str());
  }
}

void describe(kw::protocol& api) {
  kw::dispatcher const on{[](tree const&) {}, [](kw::unknown_message) {}, [](empty) {}};
  api.route("/").receives(on).receives<named>().sends<numbers, nested>();
  api.route("/room/{id}/{a~b}", {.handler = "rooms::serve \"*/\"", .description = "A room\nof many."})
      .receives<absent>()
      .receives_binary("whatever")
      .sends<std::variant<lists, envelope>>();
  api.route("/ask").receives<empty>().answers<tree, numbers, named>().asks<empty, tree>("an id");
  api.route("/room/{id}", {.name = "one room!"}).sends<tree, mixed, coded>().sends_binary("more \"of\" it");
}

}  // namespace

int main(int count, char** values) {
  std::string_view const what = count > 1 ? values[1] : "";
  kw::protocol api{{.title = "every type",
                    .version = "2.1.0",
                    .description = "A \"test\".",
                    .url = "wss://example.org/x"}};
  describe(api);
  if (what == "schemas") {
    print_schemas();
  } else if (what == "verdicts" && count == 4) {
    print_verdicts(static_cast<unsigned>(std::atoi(values[2])),
                   static_cast<std::size_t>(std::atoi(values[3])));
  } else if (what == "typescript") {
    std::fputs(kw::typescript(api).c_str(), stdout);
  } else if (what == "asyncapi") {
    std::fputs(kw::asyncapi(api).c_str(), stdout);
  } else {
    return 2;
  }
  return 0;
}
