// What can go wrong in TLS, in words: certificates that do not pass, and whatever OpenSSL has to say.
#pragma once

#include "requirements.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <string>
#include <system_error>

namespace kindwire::tls {

/// Why a certificate does not pass, and what else is found by us and not by OpenSSL. Values of the same
/// category() that are not here are OpenSSL's own.
enum class error {
  // The values are those of X509_STORE_CTX_get_error(3).
  certificate_not_yet_valid = X509_V_ERR_CERT_NOT_YET_VALID,
  certificate_expired = X509_V_ERR_CERT_HAS_EXPIRED,
  self_signed = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,  ///< and not one that is trusted
  untrusted_issuer =
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,  ///< the chain leads to none that is trusted
  certificate_revoked = X509_V_ERR_CERT_REVOKED,
  wrong_purpose = X509_V_ERR_INVALID_PURPOSE,       ///< one for clients on a server, say, or the reverse
  wrong_key = X509_V_ERR_APPLICATION_VERIFICATION,  ///< none of client_options::pinned_keys
  wrong_name = X509_V_ERR_HOSTNAME_MISMATCH,        ///< for another name or address than was asked for

  wrong_protocol = 1000,  ///< the peer has chosen another application protocol than http/1.1 (RFC 7301)
  records_without_data,   ///< the peer sends record upon record, new keys for example, and no data
};

namespace detail {

// Codes of OpenSSL's error queue have the library from this bit on; those below are verification's and ours.
inline constexpr int first_openssl_code = 1 << 16;

constexpr char const* describe(error value) noexcept {
  switch (value) {
    case error::certificate_not_yet_valid: return "certificate is not valid yet";
    case error::certificate_expired: return "certificate has expired";
    case error::self_signed: return "certificate is self-signed and not trusted";
    case error::untrusted_issuer: return "certificate is of an issuer that is not trusted";
    case error::certificate_revoked: return "certificate is revoked";
    case error::wrong_purpose: return "certificate is for another purpose";
    case error::wrong_key: return "certificate has another key than those that are pinned";
    case error::wrong_name: return "certificate is for another name";
    case error::wrong_protocol: return "peer has chosen another application protocol than http/1.1";
    case error::records_without_data: return "peer sends too many records without data";
  }
  return nullptr;
}

class error_category_type final : public std::error_category {
 public:
  char const* name() const noexcept override { return "kindwire.tls"; }
  std::string message(int value) const override {
    if (char const* const ours = describe(static_cast<error>(value))) return ours;
    if (value < first_openssl_code) return ::X509_verify_cert_error_string(value);
    auto const code = static_cast<unsigned long>(value);
    char const* const reason = ::ERR_reason_error_string(code);
    return reason != nullptr ? reason : "unknown TLS error " + std::to_string(value);
  }
};

}  // namespace detail

/// The category of every tls::error and of OpenSSL's errors. Thread safe.
inline std::error_category const& category() noexcept {
  static detail::error_category_type const one;
  return one;
}

/// Found by std::error_code's constructor.
inline std::error_code make_error_code(error value) noexcept { return {static_cast<int>(value), category()}; }

}  // namespace kindwire::tls

template <>
struct std::is_error_code_enum<kindwire::tls::error> : std::true_type {};

namespace kindwire::tls::detail {

// One result of X509_verify_cert(); several of OpenSSL's mean the same to a person.
inline std::error_code verification_error(long result) noexcept {
  switch (result) {
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED: return error::untrusted_issuer;
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return error::wrong_name;
    default: return {static_cast<int>(result), category()};
  }
}

// What the last call to OpenSSL has failed with, as the first entry of its queue; the queue is empty then.
inline std::error_code last_error() noexcept {
  unsigned long const code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return std::make_error_code(std::errc::io_error);
  if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) return std::make_error_code(std::errc::not_enough_memory);
  if (ERR_SYSTEM_ERROR(code)) return {ERR_GET_REASON(code), std::system_category()};
  return {static_cast<int>(code), category()};
}

}  // namespace kindwire::tls::detail
