#include <kindwire/exchange/correspondent.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <variant>

namespace kw = kindwire;

struct question {
  static constexpr auto schema = kw::kind("QUESTION");
};
struct answer {
  static constexpr auto schema = kw::kind("ANSWER");
};
struct bare {
  int value;
};
kw::correspondent& ws();
inline constexpr std::chrono::seconds soon{5};
auto asked = ws().request<answer>(question{}, soon);

// refused at once: kindwire: a question is a struct with a kind: give the type a `static constexpr auto schema = kindwire::kind(...)`, or specialise kindwire::schema for it
auto got = ws().request<answer>(bare{}, soon);

// refused at once: kindwire: a question is a struct with a kind
auto got = ws().request<answer>("question", soon);

// refused at once: kindwire: an answer is a struct with a kind, or a std::variant of such: give the type a `static constexpr auto schema = kindwire::kind(...)`, or specialise kindwire::schema for it
auto got = ws().request<bare>(question{}, soon);

// refused at once: kindwire: an answer is a struct with a kind
auto got = ws().request<std::variant<answer, int>>(question{}, soon);

// refused at once: kindwire: this cannot be sent
auto sent = ws().send(bare{});

// refused at once: kindwire: this cannot be sent
auto sent = ws().try_send(bare{});
