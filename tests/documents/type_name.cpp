#include <kindwire/documents/type_name.hpp>

#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace kindwire::detail;

namespace outer::inner {
struct plain_type {};
enum class colour {};
template <class T>
struct holder {
  struct part {};
};
}  // namespace outer::inner

namespace {
struct hidden {};

template <class T>
std::string name_of() {
  return short_type_name(full_type_name<T>());
}
}  // namespace

TEST_CASE("a type's name is the last part of what the compiler calls it") {
  struct local {};
  CHECK(name_of<outer::inner::plain_type>() == "plain_type");
  CHECK(name_of<outer::inner::colour>() == "colour");
  CHECK(name_of<hidden>() == "hidden");
  CHECK(name_of<local>() == "local");
  CHECK(name_of<outer::inner::holder<int>>() == "holder_int");
  CHECK(name_of<outer::inner::holder<hidden>::part>() == "part");
  CHECK(name_of<outer::inner::holder<outer::inner::plain_type>>() == "holder_outer_inner_plain_type");
}

TEST_CASE("plain names are of letters, digits and single underscores") {
  CHECK(plain_name("a::b<c*, 4>") == "a_b_c_4");
  CHECK(plain_name("/room/~1/größe") == "room_1_gr_e");
  CHECK(plain_name("") == "unnamed");
  CHECK(plain_name("{}") == "unnamed");
}

TEST_CASE("PascalCase, which is an identifier") {
  CHECK(pascal_case("upload_progress") == "UploadProgress");
  CHECK(pascal_case("UploadProgress") == "UploadProgress");
  CHECK(pascal_case("x") == "X");
  CHECK(pascal_case("2_d") == "T2D");
  CHECK(pascal_case("__") == "T");
}

TEST_CASE("a name that is taken gets a number") {
  std::set<std::string> const taken{"a", "a_2"};
  CHECK(unused_name("b", taken) == "b");
  CHECK(unused_name("a", taken) == "a_3");
}
