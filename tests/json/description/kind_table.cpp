#include <kindwire/json/description/kind_table.hpp>

#include <array>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace kind_table_tests {

using kindwire::detail::kind_table;

namespace {

// Short, long, empty, and some that agree in length, first and last eight bytes.
constexpr std::array<std::string_view, 12> names{"",
                                                 "A",
                                                 "AB",
                                                 "ABC",
                                                 "ABCD",
                                                 "ABCDEFG",
                                                 "ABCDEFGH",
                                                 "ABCDEFGHI",
                                                 "SAMEHEAD_1_SAMETAIL",
                                                 "SAMEHEAD_2_SAMETAIL",
                                                 "SAMEHEAD_3_SAMETAIL",
                                                 "B"};
constexpr kind_table<names.size()> table{names};

// What was hashed at compile time is found at compile time and at run time.
static_assert(table.find("SAMEHEAD_2_SAMETAIL") == 9);

}  // namespace

TEST_CASE("every kind is found where it is") {
  for (std::size_t index = 0; index < names.size(); ++index) {
    std::string const copy{names[index]};
    CHECK(table.find(copy) == index);
  }
}

TEST_CASE("what is nearly a kind is none") {
  for (std::string_view const name : names) {
    for (std::size_t at = 0; at < name.size(); ++at) {
      std::string changed{name};
      changed[at] = static_cast<char>(changed[at] ^ 0x60);
      CHECK(table.find(changed) == names.size());
    }
    CHECK(table.find(std::string{name} + "?") == names.size());
  }
  CHECK(table.find(std::string(100'000, 'A')) == names.size());
}

}  // namespace kind_table_tests
