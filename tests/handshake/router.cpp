#include <kindwire/handshake/router.hpp>

#include <doctest/doctest.h>

#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

namespace router_tests {

namespace kw = kindwire;

namespace {

kw::router<std::string> routes(std::initializer_list<std::string_view> patterns) {
  kw::router<std::string> result;
  for (std::string_view const pattern : patterns) CHECK_FALSE(result.add(pattern, std::string{pattern}));
  return result;
}

// The pattern that a path leads to with its parameters, or nothing.
std::string found(kw::router<std::string> const& router, std::string_view path) {
  auto const match = router.match(path);
  if (!match) return {};
  std::string text = *match.target;
  for (auto const& [name, value] : match.parameters) text += ' ' + name + '=' + value;
  return text;
}

}  // namespace

TEST_CASE("router: literal paths and parameters") {
  auto const router = routes({"/", "/chat", "/chat/", "/upload/{user}", "/rooms/{room}/users/{user}"});
  CHECK(found(router, "/") == "/");
  CHECK(found(router, "/chat") == "/chat");
  CHECK(found(router, "/chat/") == "/chat/");
  CHECK(found(router, "/upload/ann") == "/upload/{user} user=ann");
  CHECK(found(router, "/rooms/a/users/b") == "/rooms/{room}/users/{user} room=a user=b");
  for (std::string_view const path :
       {"", "chat", "/Chat", "/cha", "/chat/x", "/upload", "/upload/", "/upload//", "/upload/ann/",
        "/upload/ann/x", "//", "//chat", "/chat//", "/rooms/a/users/", "/rooms//users/b"}) {
    CAPTURE(path);
    CHECK(found(router, path).empty());
  }
}

TEST_CASE("router: the names of parameters") {
  CHECK(found(routes({"/{a_1}/{B-2}"}), "/x/y") == "/{a_1}/{B-2} a_1=x B-2=y");
  kw::router<std::string> router;
  for (std::string_view const pattern : {"/{}", "/{a b}", "/{a.b}", "/{a}/{a}", "//{a}", "/{\xc3\xa4}"}) {
    CAPTURE(pattern);
    CHECK(router.add(pattern, "x") == kw::error::invalid_argument);
  }
}

TEST_CASE("router: a path is split before it is decoded") {
  auto const router = routes({"/upload/{user}", "/caf\xc3\xa9", "/a b"});
  CHECK(found(router, "/upload/a%2Fb") == "/upload/{user} user=a/b");
  CHECK(found(router, "/upload/%41%62%20+") == "/upload/{user} user=Ab +");
  CHECK(found(router, "/upload/%252F") == "/upload/{user} user=%2F");
  CHECK(found(router, "/caf%C3%a9") == "/caf\xc3\xa9");
  CHECK(found(router, "/a%20b") == "/a b");
  CHECK(found(router, "/%75pload/x") == "/upload/{user} user=x");
  CHECK(found(router, "%2Fupload/x").empty());
  CHECK(found(router, "/upload%2Fx").empty());
}

TEST_CASE("router: broken encodings, NUL and dot segments match nothing") {
  auto const router = routes({"/upload/{user}", "/{a}/x/{b}"});
  for (std::string_view const path :
       {"/upload/%", "/upload/%4", "/upload/%zz", "/upload/a%00b", "/upload/%00", "/upload/.", "/upload/..",
        "/upload/%2e%2E", "/../x/y", "/%/x/y"}) {
    CAPTURE(path);
    CHECK(found(router, path).empty());
  }
  CHECK(found(router, "/upload/...") == "/upload/{user} user=...");
}

TEST_CASE("router: literals come first, whatever the order of adding, and a dead end is left again") {
  auto const one = routes({"/{x}", "/new", "/{x}/b/d", "/a/{y}/c"});
  auto const other = routes({"/a/{y}/c", "/{x}/b/d", "/new", "/{x}"});
  for (auto const* router : {&one, &other}) {
    CHECK(found(*router, "/new") == "/new");
    CHECK(found(*router, "/old") == "/{x} x=old");
    CHECK(found(*router, "/a/b/c") == "/a/{y}/c y=b");
    CHECK(found(*router, "/a/b/d") == "/{x}/b/d x=a");
    CHECK(found(*router, "/a/b/e").empty());
  }
}

TEST_CASE("router: patterns that are none, and those that are there already") {
  auto router = routes({"/", "/a/{x}", "/a/{x}/{y}"});
  for (std::string_view const pattern :
       {"",     "a",     "{x}",    "//",      "//a",    "/a//b",      "/{}",       "/{x",
        "/x}",  "/a{x}", "/{x}a",  "/{x}{y}", "/{{x}}", "/{x y}",     "/{x}/{x}",  "/a?b",
        "/a#b", "/..",   "/a/./b", "/",       "/a/{x}", "/a/{other}", "/a/{p}/{q}"}) {
    CAPTURE(pattern);
    CHECK(router.add(pattern, "new") == kw::error::invalid_argument);
  }
  CHECK(found(router, "/a/b") == "/a/{x} x=b");
  CHECK(found(router, "/b").empty());
  CHECK_FALSE(router.add("/b", "/b"));
  CHECK(found(router, "/b") == "/b");
}

TEST_CASE("router: targets that only move, and stay where they are") {
  kw::router<std::unique_ptr<int>> router;
  CHECK_FALSE(router.add("/a", std::make_unique<int>(1)));
  auto const* const target = router.match("/a").target;
  for (int i = 0; i < 100; ++i) CHECK_FALSE(router.add("/b" + std::to_string(i), nullptr));
  CHECK(router.match("/a").target == target);
  CHECK(**target == 1);
}

TEST_CASE("router: a path of thousands of segments") {
  auto const router = routes({"/{a}/{b}/{c}"});
  std::string path;
  for (int i = 0; i < 8000; ++i) path += "/a";
  CHECK(found(router, path).empty());
  CHECK(found(router, std::string(8000, '/')).empty());
}

}  // namespace router_tests
