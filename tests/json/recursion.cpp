// Types that hold themselves: each container that may hold a type that is not complete yet, with each form of
// description, read, written and documented.
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <array>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>

namespace recursion_tests {

namespace kw = kindwire;

namespace {

// The containers. `around` is the text of one that holds this element, `empty` of one that holds none;
// nothing where that is left out.

std::string in_array(std::string const& element) { return '[' + element + ']'; }
std::string in_object(std::string const& element) { return "{\"1\":" + element + '}'; }

struct vector_of {
  template <class T>
  using type = std::vector<T>;
  static std::string around(std::string const& element) { return in_array(element); }
  static constexpr std::string_view empty = "[]";
};
struct deque_of : vector_of {
  template <class T>
  using type = std::deque<T>;
};
struct list_of : vector_of {
  template <class T>
  using type = std::list<T>;
};
struct set_of : vector_of {
  template <class T>
  using type = std::set<T>;
};
struct map_of {
  template <class T>
  using type = std::map<std::string, T>;
  static std::string around(std::string const& element) { return in_object(element); }
  static constexpr std::string_view empty = "{}";
};
struct unordered_map_of : map_of {
  template <class T>
  using type = std::unordered_map<std::string, T>;
};
struct unique_to {
  template <class T>
  using type = std::unique_ptr<T>;
  static std::string around(std::string const& element) { return element; }
  static constexpr std::string_view empty = "";
};
struct shared_to : unique_to {
  template <class T>
  using type = std::shared_ptr<T>;
};
struct optional_vector_of {
  template <class T>
  using type = std::optional<std::vector<T>>;
  static std::string around(std::string const& element) { return in_array(element); }
  static constexpr std::string_view empty = "";
};
struct vectors_of : vector_of {
  template <class T>
  using type = std::vector<std::vector<T>>;
  static std::string around(std::string const& element) { return in_array(in_array(element)); }
};
struct pointers_to : vector_of {
  template <class T>
  using type = std::vector<std::unique_ptr<T>>;
};
struct optionals_of : vector_of {
  template <class T>
  using type = std::vector<std::optional<T>>;
};
struct tuples_of : vectors_of {
  template <class T>
  using type = std::vector<std::tuple<T>>;
};
struct pairs_of : vector_of {
  template <class T>
  using type = std::vector<std::pair<int, std::shared_ptr<T>>>;
  static std::string around(std::string const& element) { return "[[7," + element + "]]"; }
};
struct array_of_vectors_of {
  template <class T>
  using type = std::array<std::vector<T>, 2>;
  static std::string around(std::string const& element) { return "[[" + element + "],[]]"; }
  static constexpr std::string_view empty = "[[],[]]";
};
struct array_of_pointers_to {
  template <class T>
  using type = std::array<std::unique_ptr<T>, 2>;
  static std::string around(std::string const& element) { return '[' + element + ",null]"; }
  static constexpr std::string_view empty = "[null,null]";
};
// Of kinds only.
struct variants_of : vector_of {
  template <class T>
  using type = std::vector<std::variant<T>>;
};
struct open_variants_of : vector_of {
  template <class T>
  using type = std::vector<std::variant<kw::raw_json, T>>;
};

// The forms of description.

template <class Holder>
struct member_object {
  typename Holder::template type<member_object> inner;
  friend bool operator<(member_object const&, member_object const&) { return false; }
  static constexpr auto schema = kw::object(kw::field("inner", &member_object::inner, kw::defaulted));
  static constexpr bool is_kind = false;
};
template <class Holder>
struct member_kind {
  typename Holder::template type<member_kind> inner;
  friend bool operator<(member_kind const&, member_kind const&) { return false; }
  static constexpr auto schema = kw::kind("NODE", kw::description("with an option"),
                                          kw::field("inner", &member_kind::inner, kw::defaulted));
  static constexpr bool is_kind = true;
};
template <class Holder>
struct special_object {
  typename Holder::template type<special_object> inner;
  friend bool operator<(special_object const&, special_object const&) { return false; }
  static constexpr bool is_kind = false;
};
template <class Holder>
struct special_kind {
  typename Holder::template type<special_kind> inner;
  friend bool operator<(special_kind const&, special_kind const&) { return false; }
  static constexpr bool is_kind = true;
};
// What holds the base holds itself, and the derived class has its fields.
template <class Holder>
struct based : member_object<Holder> {
  static constexpr auto schema = kw::object(kw::base<member_object<Holder>>(), kw::constant("derived", true));
};

}  // namespace
}  // namespace recursion_tests

template <class Holder>
inline constexpr auto kindwire::schema<recursion_tests::special_object<Holder>> = kindwire::object(
    kindwire::field("inner", &recursion_tests::special_object<Holder>::inner, kindwire::defaulted));
template <class Holder>
inline constexpr auto kindwire::schema<recursion_tests::special_kind<Holder>> = kindwire::kind(
    "NODE", kindwire::field("inner", &recursion_tests::special_kind<Holder>::inner, kindwire::defaulted));

namespace recursion_tests {
namespace {

// The text as it is written again.
template <class T>
std::string written_again(std::string_view text) {
  auto const value = kw::decode<T>(text);
  if (!value) return value.error().message();
  auto const again = kw::to_json(*value);
  return again ? *again : again.error().message();
}

// Not templates, as there are a hundred types.
using round_trip = std::string (*)(std::string_view);

void check(round_trip of, std::string const& text) { CHECK(of(text) == text); }

void check_recursion(round_trip of, bool is_kind, std::string_view empty,
                     std::string (*around)(std::string const&), std::string const& tail = {}) {
  std::string const head = is_kind ? R"("kind":"NODE")" : "";
  auto const with = [&](std::string const& inner) {
    std::string const separator = head.empty() || inner.empty() ? "" : ",";
    return '{' + head + separator + (inner.empty() ? "" : "\"inner\":" + inner);
  };
  std::string const leaf = with(std::string{empty}) + '}';
  check(of,
        tail.empty() || !empty.empty() ? with(std::string{empty}) + tail + '}' : '{' + tail.substr(1) + '}');
  check(of, with(around(with(around(leaf)) + '}')) + tail + '}');
}

void check_documents(std::string const& schema, std::string const& types) {
  CHECK(schema.find("\"inner\"") != std::string::npos);
  CHECK(types.find("inner") != std::string::npos);
}

template <class T, class Holder>
void holds_itself() {
  check_recursion(&written_again<T>, T::is_kind, Holder::empty, &Holder::around);
}

template <class Holder>
void documents_hold() {
  check_documents(kw::json_schema<special_kind<Holder>>(), kw::typescript<special_kind<Holder>>());
}

// Each container with a member `schema` and with a specialisation, of which one is an object and one a kind.
template <class... Holders>
void hold_themselves() {
  (holds_itself<member_object<Holders>, Holders>(), ...);
  (holds_itself<special_kind<Holders>, Holders>(), ...);
  (documents_hold<Holders>(), ...);
}

// And the other way round, which differs in the description alone; and what a base class holds.
template <class... Holders>
void hold_themselves_in_every_form() {
  hold_themselves<Holders...>();
  (holds_itself<member_kind<Holders>, Holders>(), ...);
  (holds_itself<special_object<Holders>, Holders>(), ...);
  (check_recursion(&written_again<based<Holders>>, false, Holders::empty, &Holders::around,
                   R"(,"derived":true)"),
   ...);
}

}  // namespace

TEST_CASE("a type may hold itself in lists and maps") {
  hold_themselves_in_every_form<vector_of, map_of>();
  hold_themselves<list_of, set_of>();
#ifndef _LIBCPP_VERSION  // these want a complete type there, as the standard allows (C++20
                         // [res.on.functions])
  hold_themselves<deque_of, unordered_map_of>();
#endif
}

TEST_CASE("a type may hold itself through pointers and optionals") {
  hold_themselves_in_every_form<unique_to, optional_vector_of>();
  hold_themselves<shared_to>();
}

TEST_CASE("a type may hold itself in containers of containers") {
  hold_themselves<vectors_of, pointers_to, optionals_of, tuples_of, pairs_of, array_of_vectors_of,
                  array_of_pointers_to>();
}

TEST_CASE("a kind may hold itself in variants") {
  holds_itself<member_kind<variants_of>, variants_of>();
  holds_itself<special_kind<variants_of>, variants_of>();
  holds_itself<member_kind<open_variants_of>, open_variants_of>();
  documents_hold<open_variants_of>();
}

// Two types that hold each other, the second described by a specialisation that stands behind the first.

struct branch;
struct leaf_list {
  std::vector<branch> branches;
  static constexpr auto schema =
      kw::kind("LEAVES", kw::field("branches", &leaf_list::branches, kw::defaulted));
};
struct branch {
  std::string name{};
  std::optional<leaf_list> leaves{};
};

}  // namespace recursion_tests

template <>
inline constexpr auto kindwire::schema<recursion_tests::branch> =
    kindwire::object(kindwire::field("name", &recursion_tests::branch::name),
                     kindwire::field("leaves", &recursion_tests::branch::leaves));

namespace recursion_tests {

TEST_CASE("two types may hold each other") {
  check(
      &written_again<leaf_list>,
      R"({"kind":"LEAVES","branches":[{"name":"a","leaves":{"kind":"LEAVES","branches":[]}},{"name":"b"}]})");
  CHECK(!kw::json_schema<leaf_list>().empty());
  CHECK(!kw::typescript<branch>().empty());
}

}  // namespace recursion_tests
