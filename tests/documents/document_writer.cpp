#include <kindwire/documents/document_writer.hpp>

#include <string>

#include <doctest/doctest.h>

namespace document_writer_tests {

using namespace kindwire::detail;

TEST_CASE("documents are indented, with commas where they belong") {
  document_writer out;
  out.open('{');
  out.member("a", "text");
  out.key("list");
  out.open('[');
  out.raw("1");
  out.open('{');
  out.close('}');
  out.reference("#/x/", "y");
  out.close(']');
  out.key("empty");
  out.open('[');
  out.close(']');
  out.raw_member("b", "null");
  out.close('}');
  CHECK(out.take() == R"({
  "a": "text",
  "list": [
    1,
    {},
    {"$ref": "#/x/y"}
  ],
  "empty": [],
  "b": null
}
)");
}

TEST_CASE("strings are escaped, and what is not UTF-8 is replaced") {
  CHECK(json_string("a\"b\\c\n\x01") == R"("a\"b\\c\n\u0001")");
  CHECK(json_string("") == R"("")");
  CHECK(json_string("größe") == "\"größe\"");
  CHECK(json_string("\xFFgröße") == "\"\xEF\xBF\xBDgröße\"");
  CHECK(json_string("a\xFFz\xE2\x82") == "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
  std::string const longer(2000, 'x');
  CHECK(json_string(longer + "\xC0") == '"' + longer + "\xEF\xBF\xBD\"");
}

}  // namespace document_writer_tests
