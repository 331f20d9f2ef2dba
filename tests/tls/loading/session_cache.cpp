// Sessions are kept by peer, and taken once.
#include <kindwire/tls/loading/session_cache.hpp>

#include <doctest/doctest.h>

#include <openssl/ssl.h>

#include <cstddef>
#include <string>
#include <utility>

namespace session_cache_tests {

using kindwire::tls::detail::openssl_ptr;
using kindwire::tls::detail::session_cache;

namespace {

openssl_ptr<SSL_SESSION> session(int version = TLS1_3_VERSION) {
  openssl_ptr<SSL_SESSION> result(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(result.get(), version);
  return result;
}

TEST_CASE("tls session cache: the latest of a peer is taken, and not kept") {
  session_cache cache;
  openssl_ptr<SSL_SESSION> one = session(), two = session();
  SSL_SESSION const* const first = one.get();
  SSL_SESSION const* const second = two.get();
  CHECK(!cache.take("a:1"));
  cache.put("a:1", std::move(one));
  cache.put("a:1", std::move(two));
  CHECK(!cache.take("a:2"));
  CHECK(cache.take("a:1").get() == second);
  CHECK(cache.take("a:1").get() == first);
  CHECK(!cache.take("a:1"));
}

TEST_CASE("tls session cache: few are kept for a peer, and not many in all") {
  session_cache cache;
  for (int i = 0; i != 10; ++i) cache.put("much", session());
  std::size_t kept = 0;
  while (cache.take("much")) ++kept;
  CHECK(kept == session_cache::capacity_of_peer);
  for (std::size_t i = 0; i != session_cache::capacity + 1; ++i) cache.put(std::to_string(i), session());
  CHECK(!cache.take("0"));
  CHECK(cache.take("1"));
  CHECK(cache.take(std::to_string(session_cache::capacity)));
}

TEST_CASE("tls session cache: sessions of TLS 1.2 may be used again") {
  session_cache cache;
  auto one = session(TLS1_2_VERSION);
  SSL_SESSION const* const first = one.get();
  cache.put("a:1", std::move(one));
  CHECK(cache.take("a:1").get() == first);
  CHECK(cache.take("a:1").get() == first);
}

}  // namespace

}  // namespace session_cache_tests
