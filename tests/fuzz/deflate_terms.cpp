// Any text as an offer, and as the answer to one: what is agreed on is what a second reading of RFC 7692 §7.1
// says.
#include <kindwire/deflate.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fuzz.hpp"

namespace kw = kindwire;

namespace {

using words = std::map<std::string, std::optional<std::string>>;

// The parameters of one extension if there is nothing wrong with them, whatever end they come from.
std::optional<words> read(kw::extension const& from, bool is_answer) {
  words result;
  for (auto const& [name, value] : from.parameters) {
    bool const flag = name == "server_no_context_takeover" || name == "client_no_context_takeover";
    bool const width = name == "server_max_window_bits" || name == "client_max_window_bits";
    if ((!flag && !width) || !result.emplace(name, value).second) return std::nullopt;
    if (flag && value) return std::nullopt;
    if (!width) continue;
    if (!value) {
      if (is_answer || name == "server_max_window_bits") return std::nullopt;
      continue;
    }
    bool known = false;
    for (int bits = 8; bits <= 15; ++bits) known = known || *value == std::to_string(bits);
    if (!known) return std::nullopt;
  }
  return result;
}

int width(words const& of, char const* name) {
  auto const found = of.find(name);
  return found == of.end() || !found->second ? 15 : std::stoi(*found->second);
}

std::string expected_answer(std::vector<kw::extension> const& offered, kw::deflate::options const& own) {
  for (auto const& each : offered) {
    if (each.name != "permessage-deflate") continue;
    auto const offer = read(each, false);
    if (!offer || width(*offer, "server_max_window_bits") == 8) continue;
    auto const has = [&](char const* name) { return offer->count(name) != 0; };
    bool const limited = has("client_max_window_bits");
    std::string text = "permessage-deflate";
    if (has("server_no_context_takeover") || !own.context_takeover) text += "; server_no_context_takeover";
    if (has("client_no_context_takeover") || !own.peer_context_takeover ||
        (!limited && own.peer_window_bits < 15))
      text += "; client_no_context_takeover";
    if (has("server_max_window_bits"))
      text += "; server_max_window_bits=" +
              std::to_string(std::min(width(*offer, "server_max_window_bits"), own.window_bits));
    int const bits = std::min(width(*offer, "client_max_window_bits"), own.peer_window_bits);
    if (limited && (offer->at("client_max_window_bits") || bits < 15))
      text += "; client_max_window_bits=" + std::to_string(bits);
    return text;
  }
  return {};
}

bool is_answer_to(words const& answer, words const& offer) {
  for (char const* const name : {"server_no_context_takeover", "server_max_window_bits"}) {
    if (offer.count(name) != 0 && answer.count(name) == 0) return false;
  }
  if (answer.count("client_max_window_bits") != 0 && offer.count("client_max_window_bits") == 0) return false;
  for (char const* const name : {"server_max_window_bits", "client_max_window_bits"}) {
    if (answer.count(name) != 0 && width(answer, name) > width(offer, name)) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  kw::deflate::options own;
  own.context_takeover = from.flag();
  own.peer_context_takeover = from.flag();
  own.window_bits = static_cast<int>(9 + from.byte() % 7);
  own.peer_window_bits = static_cast<int>(9 + from.byte() % 7);
  kw::deflate::detail::negotiator const negotiator{own};
  std::string const first = from.text();
  auto const offered = kw::parse_extensions(first);
  if (!offered) return 0;
  auto const agreed = negotiator.accept(*offered);
  FUZZ_CLAIM(agreed.terms == expected_answer(*offered, own));
  FUZZ_CLAIM(agreed.terms.empty() == !agreed.extension);

  // A client that had offered the same takes what our server answers, and of other answers those that are
  // legal.
  kw::agreed_extension confirmed;
  if (agreed.extension) {
    FUZZ_CLAIM(!negotiator.confirm(*offered, *kw::parse_extensions(agreed.terms), confirmed));
    FUZZ_CLAIM(confirmed.terms == agreed.terms);
  }
  auto const answered = kw::parse_extensions(from.text());
  if (!answered || answered->size() != 1 || answered->front().name != "permessage-deflate") return 0;
  auto const answer = read(answered->front(), true);
  bool legal = false;
  for (auto const& each : *offered) {
    auto const offer = each.name == "permessage-deflate" ? read(each, false) : std::nullopt;
    legal = legal || (answer && offer && is_answer_to(*answer, *offer));
  }
  FUZZ_CLAIM(!negotiator.confirm(*offered, *answered, confirmed) == legal);
  FUZZ_CLAIM(static_cast<bool>(confirmed.extension) == legal);
  return 0;
}
