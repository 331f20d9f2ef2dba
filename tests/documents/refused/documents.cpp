#include <kindwire/documents/asyncapi.hpp>
#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>

namespace kw = kindwire;

struct ping {
  static constexpr auto schema = kw::kind("PING");
};
struct same_ping {
  static constexpr auto schema = kw::kind("PING");
};
struct pong {
  static constexpr auto schema = kw::kind("PONG", kw::key("type"));
};
struct part {
  static constexpr auto schema = kw::object();
};
struct bare {};
struct holder {
  bare value;
  static constexpr auto schema = kw::kind("HOLDER", kw::field("value", &holder::value));
};
struct twice {
  int first;
  int second;
  static constexpr auto schema =
      kw::kind("TWICE", kw::field("same", &twice::first), kw::field("same", &twice::second));
};

// refused: kindwire: two types of the set have the same kind
auto const text = kw::json_schema<ping, same_ping>();

// refused: kindwire: the kinds of the set stand under different keys
auto const text = kw::typescript<ping, pong>();

// refused: kindwire: the types of a set are messages, described with kind()
auto const text = kw::json_schema<ping, part>();

// refused: kindwire: T has no form in JSON
auto const text = kw::typescript<holder>();

// refused: kindwire: two fields of this type have one name
auto const text = kw::json_schema<twice>();

// refused: kindwire: what a route receives and sends are messages
void state(kw::protocol& api) { api.route("/").sends<part>(); }

// refused: kindwire: two enumerators have one name
enum class side { left, right };
template <>
inline constexpr auto kindwire::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left),
                                                               kw::enumerator("LEFT", side::right));
auto const text = kw::json_schema<side>();
