// How both ends speak TLS, with the defaults and the reasons for them.
#pragma once

#include "requirements.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kindwire::tls {

/// Where certificates or a key come from, in PEM (RFC 7468): a file, by its name; or memory, by pem().
/// Converts to false for neither.
class pem_source {
 public:
  pem_source() = default;
  /// The name of a file, which is read when the options are used.
  pem_source(char const* file) : text_(file), from_(from::file) {}
  pem_source(std::string file) : text_(std::move(file)), from_(from::file) {}

  explicit operator bool() const noexcept { return from_ != from::nowhere; }
  bool is_file() const noexcept { return from_ == from::file; }
  /// The name of the file, or the PEM itself.
  std::string const& text() const noexcept { return text_; }

 private:
  friend pem_source pem(std::string text);
  enum class from : std::uint8_t { nowhere, file, memory };

  std::string text_;
  from from_ = from::nowhere;
};

/// PEM in memory: `.certificate = kw::tls::pem(text)`.
inline pem_source pem(std::string text) {
  pem_source result(std::move(text));
  result.from_ = pem_source::from::memory;
  return result;
}

/// The versions that may be spoken. Those before are broken (RFC 8996).
enum class version : std::uint8_t { tls_1_2, tls_1_3 };

/// A certificate with its key.
struct identity {
  pem_source certificate = {};  ///< the whole chain: our own first, then each that has signed the one before
  pem_source key = {};          ///< of the first certificate
  std::string key_password = {};  ///< if the key is encrypted
};

/// Whether a server asks its clients for certificates.
enum class client_certificates : std::uint8_t {
  unasked,
  wanted,    ///< one that is given must pass; see request::peer_certificate()
  demanded,  ///< there is no connection without one
};

/// The options of a server. Suites are those with forward secrecy and authenticated encryption alone, in our
/// order; there is neither renegotiation nor compression; the application protocol is http/1.1 (RFC 7301),
/// and a client that offers only others is refused.
struct server_options {
  pem_source certificate = {};    ///< as in identity; for clients that ask for no name, or for an unknown one
  pem_source key = {};            ///< of that certificate
  std::string key_password = {};  ///< if that is encrypted
  /// More certificates, each for the names that are in it, wildcards too (RFC 6066 §3). The first for a name
  /// counts.
  std::vector<identity> more = {};
  version min_version = version::tls_1_2;
  client_certificates clients = client_certificates::unasked;
  /// The certificates of those that may sign clients' certificates: roots, or others that count as such.
  pem_source client_authorities = {};
  /// How long a key encrypts session tickets (RFC 5077), and is known after that: a ticket is good for as
  /// long at least. More than 0; more than a week means a week. Each process has keys of its own.
  std::chrono::seconds ticket_key_lifetime = std::chrono::hours(6);
};

/// What a client wants to know of a server before it sends anything.
enum class verification : std::uint8_t {
  full,  ///< that its certificate is valid, for this name or address, and signed by somebody whom we trust
  /// Nothing: whoever is in the way can read and change everything. Pinned keys count all the same.
  none_i_accept_that_anyone_may_answer,
};

/// The options of a client.
struct client_options {
  /// Whom to trust, instead of those that the system trusts: roots, or others that count as such.
  pem_source authorities = {};
  pem_source certificate = {};    ///< of our own, if the server asks for one; as in identity
  pem_source key = {};            ///< of that certificate
  std::string key_password = {};  ///< if that is encrypted
  /// If there are any, the server's certificate must also have one of these keys: the SHA-256 of its public
  /// key (SubjectPublicKeyInfo, RFC 7469 §2.4), in base64 or hex.
  std::vector<std::string> pinned_keys = {};
  version min_version = version::tls_1_2;
  verification verify = verification::full;
  bool resumption = true;  ///< a connection to the same host and port takes up the last session
};

}  // namespace kindwire::tls
