// The steady state of documents: handlers that take a rapidjson::Value, and messages that are documents,
// allocate nothing. RapidJSON asks malloc(), which is replaced here.
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>
#include <kindwire/json/rapidjson.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include "support/allocations.hpp"
#include "support/sanitized.hpp"

#if defined(__GLIBC__) && !defined(SANITIZED)

namespace rapidjson_steady_tests {
namespace {

thread_local constinit std::size_t blocks = 0;

}  // namespace
}  // namespace rapidjson_steady_tests

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* __libc_realloc(void* from, std::size_t size);

extern "C" void* malloc(std::size_t size) noexcept {
  ++rapidjson_steady_tests::blocks;
  return __libc_malloc(size);
}
extern "C" void* realloc(void* from, std::size_t size) noexcept {
  ++rapidjson_steady_tests::blocks;
  return __libc_realloc(from, size);
}

namespace rapidjson_steady_tests {

namespace kw = kindwire;

namespace {

struct progress {
  double value = 0;
  static constexpr auto schema = kw::kind("PROGRESS", kw::field("value", &progress::value));
};

}  // namespace

TEST_CASE("steady state: 10,000 messages as documents allocate nothing") {
  std::string const text =
      R"({"kind":"LEGACY","id":912873645123,"name":"a name that is too long for the string itself","list":[1,2.5,{"a":)" +
      std::string(R"("another text that is too long"}],"checksum":")") + std::string(2000, 'x') + R"("})";
  std::size_t members = 0;
  kw::dispatcher const on{
      kw::on_kind("LEGACY", [&](rapidjson::Value const& whole) { members += whole.MemberCount(); }),
      kw::on_unknown_kind([&](rapidjson::Value const& whole) { members += whole.MemberCount(); }),
      [](progress const&) {}};
  kw::dynamic_dispatcher<void()> dynamic;
  dynamic.add("LEGACY", [&](rapidjson::Value const& whole) { members += whole.MemberCount(); });
  rapidjson::Document document;
  document.Parse(text.c_str());
  rapidjson::Document typed;
  typed.Parse(R"({"kind":"PROGRESS","value":42.5})");
  std::string many = R"({"kind":"LEGACY","line":"a long text with an escape \n in it")";
  for (int index = 0; index != 40; ++index) many += ",\"" + std::to_string(index) + "\":0";
  many += '}';
  std::size_t before = 0;
  support::allocation_counter counter;
  bool good = true;
  for (int i = 0; i != 10'010; ++i) {
    if (i == 10) {
      before = blocks;
      counter = {};
    }
    good = good && on(text) && dynamic(text) && on(document) && on(typed) && kw::decode<progress>(typed) &&
           on(R"({"kind":"OTHER","a":[]})") && on(many);
  }
  std::size_t const after = blocks;
  CHECK(before != 0);
  CHECK(after - before == 0);
  CHECK(counter.calls() == 0);
  CHECK(good);
  CHECK(members == 10'010 * (5 * 3 + 2 + 42));
}

}  // namespace rapidjson_steady_tests

#endif
