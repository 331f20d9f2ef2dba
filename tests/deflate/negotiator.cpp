// RFC 7692 §5 and §7.1: every offer and every answer, against a table that is put together from text.
#include <kindwire/deflate.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kindwire/handshake/extension.hpp>

namespace negotiator_tests {

namespace {

namespace kw = kindwire;
namespace deflate = kw::deflate;
using deflate::detail::terms;

// The four parameters as words: what stands behind the name, or nothing for one that is absent.
struct words {
  std::string server_takeover, client_takeover, server_bits, client_bits;

  std::string text() const {
    return "permessage-deflate" + server_takeover + client_takeover + server_bits + client_bits;
  }
};

std::string const none;
std::string const server_flag = "; server_no_context_takeover";
std::string const client_flag = "; client_no_context_takeover";
std::string server_width(int bits) { return "; server_max_window_bits=" + std::to_string(bits); }
std::string client_width(int bits) { return "; client_max_window_bits=" + std::to_string(bits); }
std::string const client_word = "; client_max_window_bits";

// All 2 × 2 × 9 × 10 offers.
template <class Use>
void each_offer(Use use) {
  std::vector<std::string> server_bits{none};
  std::vector<std::string> client_bits{none, client_word};
  for (int bits = 8; bits <= 15; ++bits) {
    server_bits.push_back(server_width(bits));
    client_bits.push_back(client_width(bits));
  }
  for (auto const& a : {none, server_flag}) {
    for (auto const& b : {none, client_flag}) {
      for (auto const& c : server_bits) {
        for (auto const& d : client_bits) use(words{a, b, c, d});
      }
    }
  }
}

int number(std::string const& word) {
  auto const at = word.find('=');
  return at == std::string::npos ? 15 : std::stoi(word.substr(at + 1));
}

deflate::options with(bool keeps, bool peer_keeps, int bits, int peer_bits) {
  deflate::options result;
  result.context_takeover = keeps;
  result.peer_context_takeover = peer_keeps;
  result.window_bits = bits;
  result.peer_window_bits = peer_bits;
  return result;
}

template <class Use>
void each_choice(Use use) {
  for (bool const keeps : {false, true}) {
    for (bool const peer_keeps : {false, true}) {
      for (int const bits : {9, 12, 15}) {
        for (int const peer_bits : {9, 12, 15}) use(with(keeps, peer_keeps, bits, peer_bits));
      }
    }
  }
}

std::string accepted(deflate::options const& own, std::string_view offered) {
  std::shared_ptr<kw::extension_negotiator const> const negotiator = own;
  auto const list = kw::parse_extensions(offered);
  REQUIRE(list);
  auto const agreed = negotiator->accept(*list);
  CHECK(agreed.terms.empty() == !agreed.extension);
  return agreed.terms;
}

// What the table says: the answer to one offer, or "" where it is declined.
std::string expected_answer(deflate::options const& own, words const& offer) {
  if (offer.server_bits == server_width(8)) return "";  // zlib cannot write that
  std::string text = "permessage-deflate";
  if (offer.server_takeover == server_flag || !own.context_takeover) text += server_flag;
  bool const may_be_wide = offer.client_bits == none && own.peer_window_bits != 15;
  if (offer.client_takeover == client_flag || !own.peer_context_takeover || may_be_wide) text += client_flag;
  if (offer.server_bits != none) text += server_width(std::min(number(offer.server_bits), own.window_bits));
  if (offer.client_bits == none) return text;
  int const client = std::min(number(offer.client_bits), own.peer_window_bits);
  if (offer.client_bits != client_word || client != 15) text += client_width(client);
  return text;
}

TEST_CASE(
    "negotiation: a server's answer to every offer, with every choice of its own (rows 53, 56, 57, 58)") {
  int count = 0;
  each_choice([&](deflate::options const& own) {
    each_offer([&](words const& offer) {
      CAPTURE(offer.text());
      std::string const answer = accepted(own, offer.text());
      CHECK(answer == expected_answer(own, offer));
      ++count;
    });
  });
  CHECK(count == 36 * 360);
}

// RFC 7692 §7.1, word by word, for an answer to one offer.
bool is_legal(words const& answer, words const& offer) {
  bool const server_keeps_word = offer.server_takeover == none || answer.server_takeover == server_flag;
  bool const server_width_fits =
      offer.server_bits == none ||
      (answer.server_bits != none && number(answer.server_bits) <= number(offer.server_bits));
  bool const client_width_fits =
      answer.client_bits == none || (answer.client_bits != client_word && offer.client_bits != none &&
                                     number(answer.client_bits) <= number(offer.client_bits));
  return server_keeps_word && server_width_fits && client_width_fits;
}

TEST_CASE(
    "negotiation: a client takes every answer that is legal, and fails at every other (rows 54, 56, 57, "
    "58)") {
  deflate::detail::negotiator const negotiator{deflate::full()};
  int taken = 0;
  each_offer([&](words const& offer) {
    auto const offered = *kw::parse_extensions(offer.text());
    each_offer([&](words const& answer) {
      kw::agreed_extension agreed;
      auto const failure = negotiator.confirm(offered, *kw::parse_extensions(answer.text()), agreed);
      bool const legal = is_legal(answer, offer);
      taken += legal ? 1 : 0;
      if ((failure == std::error_code{}) != legal || (failure && failure != kw::error::handshake_extension) ||
          static_cast<bool>(agreed.extension) != legal || agreed.terms != (legal ? answer.text() : "")) {
        CAPTURE(offer.text());
        CAPTURE(answer.text());
        CHECK(false);
      }
    });
  });
  CHECK(taken > 1000);
  CHECK(taken < 360 * 360 / 2);
}

// lws, npm ws, undici CVE-2026-2229: what must not be taken for something else.
std::vector<std::string> const bad_parameters{
    "server_no_context_takeover=1",
    "client_no_context_takeover=true",
    "server_no_context_takeover; server_no_context_takeover",
    "client_no_context_takeover; client_no_context_takeover",
    "server_max_window_bits",
    "server_max_window_bits=0",
    "server_max_window_bits=7",
    "server_max_window_bits=16",
    "server_max_window_bits=99",
    "server_max_window_bits=08",
    "server_max_window_bits=010",
    "server_max_window_bits=-1",
    "server_max_window_bits=+9",
    "server_max_window_bits=1e1",
    "server_max_window_bits=0xA",
    "server_max_window_bits=9999999999999999999999999999999999999999",
    "server_max_window_bits=10; server_max_window_bits=10",
    "server_max_window_bits=10; server_max_window_bits=9",
    "client_max_window_bits=0",
    "client_max_window_bits=7",
    "client_max_window_bits=16",
    "client_max_window_bits=015",
    "client_max_window_bits=1x",
    "client_max_window_bits=10; client_max_window_bits",
    "client_max_window_bits; client_max_window_bits=10",
    "Server_no_context_takeover",
    "unknown",
    "unknown=1",
    "server_no_context_takeover; x"};

TEST_CASE("negotiation: a server declines what it must, and takes the next offer (row 53)") {
  for (auto const& each : bad_parameters) {
    CAPTURE(each);
    std::string const bad = "permessage-deflate; " + each;
    CHECK(accepted(deflate::full(), bad) == "");
    CHECK(accepted(deflate::full(), bad + ", permessage-deflate; server_max_window_bits=10") ==
          "permessage-deflate; server_max_window_bits=10");
    CHECK(accepted(deflate::full(),
                   "other; x=1, " + bad + ", " + bad + ", permessage-deflate, permessage-deflate; x") ==
          "permessage-deflate");
  }
  CHECK(accepted(deflate::full(), "x-webkit-deflate-frame, permessage-bzip2, Permessage-Deflate") == "");
  CHECK(accepted(deflate::full(), "permessage-deflate; server_max_window_bits=8, permessage-deflate") ==
        "permessage-deflate");
}

TEST_CASE("negotiation: a client fails on the same in an answer (row 54)") {
  deflate::detail::negotiator const negotiator{deflate::full()};
  auto const offered = negotiator.offer();
  auto const confirm = [&](std::string const& answer) {
    kw::agreed_extension agreed;
    return negotiator.confirm(offered, *kw::parse_extensions(answer), agreed);
  };
  for (auto const& each : bad_parameters) {
    CAPTURE(each);
    CHECK(confirm("permessage-deflate; " + each) == kw::error::handshake_extension);
  }
  CHECK(confirm("permessage-deflate; client_max_window_bits") == kw::error::handshake_extension);
  CHECK_FALSE(confirm("permessage-deflate; client_max_window_bits=10"));
}

TEST_CASE("negotiation: a quoted value is the same, and so are spaces and the order (row 55)") {
  for (auto const& each :
       {"permessage-deflate; server_max_window_bits=\"10\"; client_max_window_bits=\"11\"",
        "permessage-deflate ;client_max_window_bits = 11;server_max_window_bits=10",
        "permessage-deflate;\tserver_max_window_bits=\"1\\0\";client_max_window_bits=11"}) {
    CHECK(accepted(deflate::full(), each) ==
          "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11");
  }
}

std::string offered_by(deflate::options const& own) {
  return kw::format_extensions(deflate::detail::negotiator(own).offer());
}

TEST_CASE("negotiation: what a client offers") {
  CHECK(offered_by(deflate::full()) == "permessage-deflate; client_max_window_bits");
  CHECK(offered_by(deflate::shared()) ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits");
  CHECK(offered_by(deflate::small()) ==
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12, "
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=12");
  // 8 is never on offer, whatever the options say; what is out of range counts as the nearest that is not.
  deflate::options odd = with(true, true, 8, 8);
  CHECK(offered_by(odd).find("=9") != std::string::npos);
  CHECK(offered_by(odd).find("=8") == std::string::npos);
  CHECK(offered_by(with(true, true, -5, 99)) == "permessage-deflate; client_max_window_bits=9");
}

TEST_CASE("negotiation: our two ends agree on any choices, and mean the same") {
  each_choice([&](deflate::options const& client) {
    each_choice([&](deflate::options const& server) {
      deflate::detail::negotiator const at_client{client};
      deflate::detail::negotiator const at_server{server};
      auto const offered = at_client.offer();
      auto const answer = at_server.accept(offered);
      REQUIRE(answer.extension);
      kw::agreed_extension confirmed;
      CHECK_FALSE(at_client.confirm(offered, *kw::parse_extensions(answer.terms), confirmed));
      CHECK(confirmed.terms == answer.terms);
      auto const of = [](kw::agreed_extension const& one) {
        return static_cast<deflate::detail::permessage_deflate const&>(*one.extension).agreed();
      };
      terms const here = of(confirmed);
      terms const there = of(answer);
      // Neither end uses more than the other is ready for, or than it has itself chosen to.
      CHECK(here.window_bits <= there.peer_window_bits);
      CHECK(there.window_bits <= here.peer_window_bits);
      CHECK(here.context_takeover <= there.peer_context_takeover);
      CHECK(there.context_takeover <= here.peer_context_takeover);
      CHECK(here.window_bits <= client.window_bits);
      CHECK(there.window_bits <= server.window_bits);
      CHECK(here.context_takeover <= client.context_takeover);
      CHECK(here.peer_context_takeover <= client.peer_context_takeover);
      CHECK(there.peer_context_takeover <= server.peer_context_takeover);
      if (here.peer_context_takeover) CHECK(here.peer_window_bits <= client.peer_window_bits);
      if (there.peer_context_takeover) CHECK(there.peer_window_bits <= server.peer_window_bits);
    });
  });
}

// Netty #8395: whose window and whose takeover a parameter is about.
TEST_CASE("negotiation: server_ is what the server sends, client_ what the client sends") {
  deflate::detail::negotiator const any{deflate::full()};
  auto const offered = any.offer();
  struct row {
    char const* answer;
    terms at_client;
  };
  for (row const& each : {row{"permessage-deflate", {true, true, 15, 15}},
                          row{"permessage-deflate; server_no_context_takeover", {true, false, 15, 15}},
                          row{"permessage-deflate; client_no_context_takeover", {false, true, 15, 15}},
                          row{"permessage-deflate; server_max_window_bits=8", {true, true, 15, 8}},
                          row{"permessage-deflate; client_max_window_bits=8", {true, true, 8, 15}},
                          row{"permessage-deflate; server_max_window_bits=10; client_max_window_bits=11",
                              {true, true, 11, 10}}}) {
    CAPTURE(std::string(each.answer));
    kw::agreed_extension agreed;
    CHECK_FALSE(any.confirm(offered, *kw::parse_extensions(each.answer), agreed));
    CHECK(static_cast<deflate::detail::permessage_deflate const&>(*agreed.extension).agreed() ==
          each.at_client);
  }
  auto const served =
      any.accept(*kw::parse_extensions("permessage-deflate; server_max_window_bits=10; "
                                       "client_max_window_bits=11; client_no_context_takeover"));
  CHECK(static_cast<deflate::detail::permessage_deflate const&>(*served.extension).agreed() ==
        terms{true, false, 10, 11});
}

// websocketpp #1193: what a client says of itself holds, whatever the server answers.
TEST_CASE("negotiation: a client that has offered client_no_context_takeover keeps to it") {
  deflate::detail::negotiator const any{deflate::full()};
  kw::agreed_extension agreed;
  CHECK_FALSE(any.confirm(*kw::parse_extensions("permessage-deflate; client_no_context_takeover"),
                          *kw::parse_extensions("permessage-deflate"), agreed));
  CHECK_FALSE(
      static_cast<deflate::detail::permessage_deflate const&>(*agreed.extension).agreed().context_takeover);
}

TEST_CASE(
    "negotiation: past max_memory, new connections agree on no takeover; as others end, on takeover again") {
  deflate::options own = deflate::small();
  own.max_memory = std::size_t{300} << 10;
  std::shared_ptr<kw::extension_negotiator const> const negotiator = own;
  auto const offered = *kw::parse_extensions("permessage-deflate; client_max_window_bits");
  std::vector<kw::agreed_extension> all;
  std::size_t keeping = 0;
  for (int i = 0; i != 20; ++i) {
    all.push_back(negotiator->accept(offered));
    if (all.back().terms == "permessage-deflate; client_max_window_bits=12") {
      CHECK(keeping == all.size() - 1);
      ++keeping;
    } else {
      CHECK(all.back().terms ==
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
            "client_max_window_bits=12");
    }
  }
  CHECK(keeping >= 4);
  CHECK(keeping <= 8);
  CHECK(offered_by(own) == kw::format_extensions(deflate::detail::negotiator(own).offer()));
  CHECK(negotiator->offer().front().parameters.front().name == "server_no_context_takeover");
  all.erase(all.begin());
  CHECK(negotiator->accept(offered).terms == "permessage-deflate; client_max_window_bits=12");
}

TEST_CASE("negotiation: past max_memory a client keeps no window of its own, even if it had offered to") {
  deflate::options own = deflate::full();
  own.max_memory = std::size_t{1} << 20;
  deflate::detail::negotiator const negotiator{own};
  auto const offered = negotiator.offer();
  std::vector<kw::agreed_extension> all(20);
  int keeping = 0;
  for (auto& each : all) {
    CHECK_FALSE(negotiator.confirm(offered, *kw::parse_extensions("permessage-deflate"), each));
    auto const agreed = static_cast<deflate::detail::permessage_deflate const&>(*each.extension).agreed();
    CHECK(agreed.peer_context_takeover);
    keeping += agreed.context_takeover ? 1 : 0;
  }
  CHECK(keeping == 3);
}

}  // namespace

}  // namespace negotiator_tests
