// Whom a client accepts and whom it does not, told apart; which certificate a server shows; what is wrong
// with files.
#include <kindwire/tls/context.hpp>
#include <kindwire/tls/stream.hpp>

#include <doctest/doctest.h>

#include <openssl/ssl.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "tls/pair.hpp"

namespace context_tests {

using namespace tls_pair;

namespace {

// What the client says to a server with this certificate and what it has beside it.
std::error_code verdict(kw::tls::server_options const& server, kw::tls::client_options const& client,
                        std::string const& host = "localhost") {
  asio::io_context io;
  ends both(io, kw::tls::context(server), kw::tls::context(client), host);
  both.shake_hands();
  CHECK((!both.client_failed || !both.server.is_open() || !both.server_failed));
  return both.client_failed;
}

TEST_CASE("tls context: each certificate that does not pass has an error of its own") {
  auto const authority = support::authority();
  auto const other = support::authority("somebody else");
  auto const signed_by = [&](support::certificate_wishes const& wishes, support::certificate const& by) {
    return server_of(support::certificate(wishes, &by));
  };
  auto const trusting = trust(authority);
  CHECK(!verdict(signed_by({}, authority), trusting));
  CHECK(verdict(signed_by({.from = -7200, .until = -3600}, authority), trusting) ==
        kw::tls::error::certificate_expired);
  CHECK(verdict(signed_by({.from = 3600, .until = 7200}, authority), trusting) ==
        kw::tls::error::certificate_not_yet_valid);
  CHECK(verdict(server_of(support::certificate()), trusting) == kw::tls::error::self_signed);
  CHECK(verdict(signed_by({}, other), trusting) == kw::tls::error::untrusted_issuer);
  CHECK(verdict(signed_by({.purpose = "clientAuth"}, authority), trusting) == kw::tls::error::wrong_purpose);
  CHECK(verdict(signed_by({.names = "DNS:other.example"}, authority), trusting) ==
        kw::tls::error::wrong_name);
  // Those of the system do not trust any of these.
  CHECK(verdict(signed_by({}, authority), {}) == kw::tls::error::untrusted_issuer);
  auto careless =
      kw::tls::client_options{.verify = kw::tls::verification::none_i_accept_that_anyone_may_answer};
  CHECK(!verdict(server_of(support::certificate({.names = ""})), careless));
}

TEST_CASE("tls context: a certificate is for names, wildcards and addresses") {
  auto const authority = support::authority();
  struct way {
    std::string names;
    std::string host;
    bool fits;
  };
  for (way const& each :
       {way{"DNS:a.example", "a.example", true}, way{"DNS:a.example", "A.Example", true},
        way{"DNS:a.example", "b.example", false}, way{"DNS:a.example", "sub.a.example", false},
        way{"DNS:*.example.com", "a.example.com", true}, way{"DNS:*.example.com", "example.com", false},
        way{"DNS:*.example.com", "a.b.example.com", false},
        way{"DNS:f*.example.com", "foo.example.com", false}, way{"IP:127.0.0.1", "127.0.0.1", true},
        way{"IP:127.0.0.1", "127.0.0.2", false}, way{"DNS:127.0.0.1", "127.0.0.1", false},
        way{"IP:::1", "::1", true}, way{"IP:::1", "::2", false}, way{"IP:fe80::1", "fe80::1%lo", true},
        way{"", "test", false}}) {  // the subject's common name is no name of a host
    CAPTURE(each.names);
    CAPTURE(each.host);
    support::certificate const own({.subject = "test", .names = each.names}, &authority);
    CHECK(verdict(server_of(own), trust(authority), each.host) ==
          (each.fits ? std::error_code{} : make_error_code(kw::tls::error::wrong_name)));
  }
  // Without a host there is nothing to verify.
  support::certificate const own({}, &authority);
  CHECK(verdict(server_of(own), trust(authority), "") == std::errc::invalid_argument);
  // And this would mean any name below.
  support::certificate const below({.names = "DNS:a.example.com"}, &authority);
  CHECK(verdict(server_of(below), trust(authority), ".example.com") == std::errc::invalid_argument);
}

TEST_CASE("tls context: every error is told in words") {
  CHECK(make_error_code(kw::tls::error::certificate_expired).message() == "certificate has expired");
  CHECK(std::string_view(kw::tls::category().name()) == "kindwire.tls");
  // Others of the verification's, and OpenSSL's own.
  CHECK(std::error_code(X509_V_ERR_CERT_SIGNATURE_FAILURE, kw::tls::category()).message() ==
        "certificate signature failure");
  CHECK(std::error_code(-1, kw::tls::category()).message() != "");
}

TEST_CASE("tls context: a pinned key must be that of the server, whoever has signed it") {
  support::certificate const own, other;
  auto trusting = trust(own);
  trusting.pinned_keys = {other.pin()};
  CHECK(verdict(server_of(own), trusting) == kw::tls::error::wrong_key);
  trusting.pinned_keys = {other.pin(), own.pin()};
  CHECK(!verdict(server_of(own), trusting));
  // Beside the rest of the verification, unless that is switched off.
  CHECK(verdict(server_of(own), trusting, "other.example") == kw::tls::error::wrong_name);
  trusting.verify = kw::tls::verification::none_i_accept_that_anyone_may_answer;
  CHECK(!verdict(server_of(own), trusting, "other.example"));
  trusting.pinned_keys = {other.pin()};
  CHECK(verdict(server_of(own), trusting, "other.example") == kw::tls::error::wrong_key);
  trusting.pinned_keys = {"TQ4ajYPXGpxQnZ7OtzMcCa2Ck6FKUYcHJFHYPCGvLPc="};  // any base64 of 32 bytes
  CHECK(verdict(server_of(own), trusting) == kw::tls::error::wrong_key);
  for (std::string const text : {"", "abc", "TQ4ajYPXGpxQnZ7OtzMcCa2Ck6FKUYcHJFHYPCGv"}) {
    trusting.pinned_keys = {text};
    CHECK_THROWS_AS(kw::tls::context{trusting}, std::system_error);
  }
}

TEST_CASE("tls context: a server shows the certificate for the name that it is asked for") {
  auto const authority = support::authority();
  auto const named = [&](char const* names) { return support::certificate({.names = names}, &authority); };
  auto const first = named("DNS:default.example"), second = named("DNS:a.example,DNS:b.example"),
             third = named("DNS:*.wild.example"), fourth = named("DNS:exact.wild.example");
  auto options = server_of(first);
  for (auto const* each : {&second, &third, &fourth})
    options.more.push_back({.certificate = kw::tls::pem(each->pem()), .key = kw::tls::pem(each->key_pem())});
  asio::io_context io;
  auto client_options = trust(authority);
  client_options.verify = kw::tls::verification::none_i_accept_that_anyone_may_answer;
  kw::tls::context const server(options), client(client_options);
  auto const shown = [&](std::string const& host) {
    ends both(io, server, client, host);
    both.shake_hands();
    REQUIRE(!both.client_failed);
    auto const found = both.client.peer_certificate();
    REQUIRE(found);
    return found->pem;
  };
  CHECK(shown("a.example") == second.pem());
  CHECK(shown("B.EXAMPLE") == second.pem());
  CHECK(shown("x.wild.example") == third.pem());
  CHECK(shown("exact.wild.example") == fourth.pem());
  CHECK(shown("x.y.wild.example") == first.pem());
  CHECK(shown("unknown.example") == first.pem());
  CHECK(shown("127.0.0.1") == first.pem());  // addresses are not asked for
  CHECK(shown("") == first.pem());
}

TEST_CASE("tls context: the application protocol is http/1.1 or not spoken of") {
  asio::io_context io;
  support::certificate const own;
  kw::tls::context const server(server_of(own));
  auto const outcome = [&](std::string_view offered) {
    kw::tls::context const client(trust(own));
    // An empty list is none.
    SSL_CTX_set_alpn_protos(client.native_handle(), reinterpret_cast<unsigned char const*>(offered.data()),
                            static_cast<unsigned>(offered.size()));
    ends both(io, server, client);
    both.shake_hands();
    unsigned char const* chosen = nullptr;
    unsigned size = 0;
    if (both.client_failed) return both.client_failed.message() + " / " + both.server_failed.message();
    SSL_get0_alpn_selected(both.client.native_handle(), &chosen, &size);
    return std::string(reinterpret_cast<char const*>(chosen), size);
  };
  CHECK(outcome("\x08http/1.1") == "http/1.1");
  CHECK(outcome("\x02h2\x08http/1.1") == "http/1.1");
  CHECK(outcome("") == "");
  CHECK(outcome("\x02h2") == "tlsv1 alert no application protocol / no application protocol");
}

TEST_CASE("tls context: versions before 1.2 are not spoken, and 1.2 only if it may be") {
  asio::io_context io;
  support::certificate const own;
  auto const outcome = [&](kw::tls::version least, int most) {
    auto options = server_of(own);
    options.min_version = least;
    kw::tls::context const client(trust(own));
    SSL_CTX_set_min_proto_version(client.native_handle(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(client.native_handle(), most);
    SSL_CTX_set_cipher_list(client.native_handle(), "ALL:@SECLEVEL=0");
    ends both(io, kw::tls::context(options), client);
    both.shake_hands();
    if (both.client_failed) return std::string("refused");
    return std::string(SSL_get_version(both.client.native_handle())) + ' ' +
           SSL_get_cipher_name(both.client.native_handle());
  };
  CHECK(outcome(kw::tls::version::tls_1_2, TLS1_1_VERSION) == "refused");
  CHECK(outcome(kw::tls::version::tls_1_2, TLS1_2_VERSION) == "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256");
  CHECK(outcome(kw::tls::version::tls_1_2, TLS1_3_VERSION) == "TLSv1.3 TLS_AES_128_GCM_SHA256");
  CHECK(outcome(kw::tls::version::tls_1_3, TLS1_2_VERSION) == "refused");
}

// Reads until what follows the handshake is there, and says whether the session was resumed.
bool resumes(asio::io_context& io, kw::tls::context const& server, kw::tls::context const& client,
             std::string const& host = "localhost", std::uint16_t port = 1) {
  ends both(io, server, client, host, port);
  both.shake_hands();
  REQUIRE(!both.client_failed);
  REQUIRE(!both.server_failed);
  std::error_code failure;
  both.server.write_some(asio::buffer("x", 1), failure);
  char byte = 0;
  REQUIRE(run_until(io, [&] { return both.client.read_some(asio::buffer(&byte, 1), failure) == 1; }));
  bool const reused = SSL_session_reused(both.client.native_handle()) == 1;
  // Whose certificate it is stays known.
  CHECK(both.client.peer_certificate());
  return reused;
}

TEST_CASE("tls context: sessions are resumed, with the same server alone") {
  asio::io_context io;
  support::certificate const own({.names = "DNS:localhost,DNS:other.example"});
  kw::tls::context const server(server_of(own)), client(trust(own));
  for (int const most : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    kw::tls::context const anew(trust(own));
    SSL_CTX_set_max_proto_version(anew.native_handle(), most);
    CHECK(!resumes(io, server, anew));
    CHECK(resumes(io, server, anew));
    CHECK(resumes(io, server, anew));
    CHECK(!resumes(io, server, anew, "localhost", 2));
    CHECK(!resumes(io, server, anew, "other.example", 1));
    CHECK(resumes(io, server, anew));
  }
  auto without = trust(own);
  without.resumption = false;
  kw::tls::context const never(without);
  CHECK(!resumes(io, server, never));
  CHECK(!resumes(io, server, never));
  // Another server of that name cannot read the ticket.
  CHECK(!resumes(io, server, client));
  CHECK(!resumes(io, kw::tls::context(server_of(own)), client));
}

TEST_CASE("tls context: a session is not resumed where other certificates are asked of clients") {
  asio::io_context io;
  support::certificate const own;
  auto const authority = support::authority("clients");
  auto const other = support::authority("other clients");
  support::certificate const ann({.names = "", .purpose = "clientAuth"}, &authority);
  auto const tickets = std::make_shared<kw::tls::detail::ticket_keys>(std::chrono::hours(1));
  auto options = server_of(own);
  kw::tls::context const open(options, tickets);
  options.clients = kw::tls::client_certificates::wanted;
  options.client_authorities = kw::tls::pem(authority.pem());
  kw::tls::context const asking(options, tickets), same(options, tickets);
  options.client_authorities = kw::tls::pem(authority.pem() + other.pem());
  kw::tls::context const asking_others(options, tickets);
  auto trusting = trust(own);
  trusting.certificate = kw::tls::pem(ann.pem());
  trusting.key = kw::tls::pem(ann.key_pem());
  kw::tls::context const client(trusting);
  CHECK(!resumes(io, open, client));
  CHECK(resumes(io, open, client));
  CHECK(!resumes(io, asking, client));
  CHECK(resumes(io, same, client));
  CHECK(!resumes(io, asking_others, client));
}

TEST_CASE("tls context: what cannot be used is named, with the file") {
  support::certificate const own, other;
  auto const folder = std::filesystem::temp_directory_path() / "kindwire_tls_context";
  std::filesystem::create_directories(folder);
  auto const file = [&](char const* name, std::string const& text) {
    auto const path = (folder / name).string();
    std::FILE* const made = std::fopen(path.c_str(), "wb");
    REQUIRE(made != nullptr);
    std::fwrite(text.data(), 1, text.size(), made);
    std::fclose(made);
    return path;
  };
  auto const certificate = file("cert.pem", own.pem());
  auto const key = file("key.pem", own.key_pem());
  auto const wrong_key = file("wrong.pem", other.key_pem());
  auto const locked = file("locked.pem", own.key_pem("secret"));
  auto const noise = file("noise.pem", "no PEM\n");
  auto const cut = file("cut.pem", own.pem().substr(0, 200));
  auto const problem = [](kw::tls::server_options const& options) -> std::string {
    try {
      kw::tls::context const made(options);
      return {};
    } catch (std::system_error const& failure) {
      return failure.what();
    }
  };
  auto const says = [&](kw::tls::server_options const& options, std::vector<std::string> const& words) {
    std::string const told = problem(options);
    CAPTURE(told);
    for (std::string const& each : words) CHECK(told.find(each) != std::string::npos);
  };
  CHECK(problem({.certificate = certificate, .key = key}) == "");
  CHECK(problem({.certificate = certificate, .key = locked, .key_password = "secret"}) == "");
  CHECK(problem({.certificate = kw::tls::pem(own.pem()), .key = key}) == "");
  says({}, {"certificate is missing"});
  says({.certificate = certificate}, {"key is missing"});
  says({.certificate = "nowhere.pem", .key = key}, {"certificate nowhere.pem", "No such file"});
  says({.certificate = folder.string(), .key = key}, {"certificate " + folder.string(), "directory"});
  says({.certificate = noise, .key = key}, {"certificate " + noise, "no start line"});
  says({.certificate = cut, .key = key}, {"certificate " + cut, "bad end line"});
  says({.certificate = certificate, .key = noise}, {"key " + noise});
  says({.certificate = certificate, .key = certificate}, {"key " + certificate});
  says({.certificate = certificate, .key = locked}, {"key " + locked});
  says({.certificate = certificate, .key = locked, .key_password = "guess"},
       {"key " + locked, "bad decrypt"});
  says({.certificate = certificate, .key = wrong_key},
       {"key " + wrong_key, "another certificate", certificate, "key values mismatch"});
  says({.certificate = certificate,
        .key = key,
        .clients = kw::tls::client_certificates::demanded,
        .client_authorities = noise},
       {"authorities of clients " + noise});
  says({.certificate = certificate, .key = key, .clients = kw::tls::client_certificates::wanted},
       {"authorities of clients is missing"});
  std::filesystem::remove_all(folder);
}

TEST_CASE("tls context: a chain is sent whole") {
  auto const root = support::authority("root");
  support::certificate const middle({.subject = "middle", .names = "", .authority = true}, &root);
  support::certificate const leaf({}, &middle);
  CHECK(verdict(server_of(leaf), trust(root)) == kw::tls::error::untrusted_issuer);
  auto whole = server_of(leaf);
  whole.certificate = kw::tls::pem(leaf.pem() + middle.pem());
  CHECK(!verdict(whole, trust(root)));
  // Who trusts the one in the middle needs no root.
  CHECK(!verdict(server_of(leaf), trust(middle)));
}

}  // namespace

}  // namespace context_tests
