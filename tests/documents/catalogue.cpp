#include <kindwire/documents/catalogue.hpp>

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace catalogue_tests {

namespace kw = kindwire;
using kw::detail::type_form;

namespace {

struct leaf {
  static constexpr auto schema = kw::object();
};
namespace other {
struct leaf {
  static constexpr auto schema = kw::kind("LEAF");
};
}  // namespace other

struct tree {
  std::vector<tree> children;
  std::map<std::string, leaf> leaves;
  std::optional<other::leaf> last;
  static constexpr auto schema = kw::kind("TREE", kw::key("type"), kw::field("children", &tree::children),
                                          kw::field("leaves", &tree::leaves), kw::field("last", &tree::last));
};

// It can be sent, but not made without a value.
struct no_default {
  explicit no_default(int from) : value(from) {}
  int value;
  static constexpr auto schema = kw::object(kw::field("value", &no_default::value, kw::defaulted));
};

}  // namespace

TEST_CASE("a catalogue has each type once, by a name of its own, those inside of it behind it") {
  kw::detail::catalogue types;
  CHECK(types.add<tree>() == 0);
  CHECK(types.add<leaf>() == 1);
  CHECK(types.add<other::leaf>() == 2);
  CHECK(types.add<tree>() == 0);
  REQUIRE(types.entries().size() == 3);
  CHECK(types.entries()[0].name == "tree");
  CHECK(types.entries()[0].key == "type");
  CHECK(types.entries()[1].name == "leaf");
  CHECK(types.entries()[1].key.empty());
  CHECK(types.entries()[2].name == "leaf_2");
  CHECK(types.entries()[2].kind == "LEAF");

  auto const& fields = types.entries()[0].fields;
  REQUIRE(fields.size() == 3);
  CHECK(fields[0].type.form == type_form::list);
  CHECK(fields[0].type.inner[0].entry == 0);
  CHECK(fields[1].type.form == type_form::map);
  CHECK(fields[1].type.inner[0].entry == 1);
  CHECK(fields[2].type.form == type_form::optional);
  CHECK(fields[2].type.inner[0].entry == 2);
  CHECK_FALSE(fields[2].required);
}

TEST_CASE("what an absent field means is left out where the type cannot be made") {
  kw::detail::catalogue types;
  types.add<no_default>();
  CHECK(types.entries()[0].fields[0].otherwise.empty());
  CHECK_FALSE(types.entries()[0].fields[0].required);
}

}  // namespace catalogue_tests
