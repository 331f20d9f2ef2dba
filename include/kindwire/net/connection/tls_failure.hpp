// What net/ knows of the errors of tls/, which it does not include.
#pragma once

#include <string_view>
#include <system_error>

namespace kindwire::net::detail {

inline bool is_of_tls(std::error_code why) noexcept {
  return std::string_view(why.category().name()) == "kindwire.tls";
}

// A certificate that does not pass: the codes of X509_V_ERR_….
inline bool is_certificate_refused(std::error_code why) noexcept {
  constexpr int first_other = 1000;
  return is_of_tls(why) && why.value() < first_other;
}

// The verdict on what the peer has shown, a certificate above all: another try would meet the same. The codes
// up to there are those and tls::error's own; OpenSSL's other errors follow.
inline bool is_verdict_of_tls(std::error_code why) noexcept {
  constexpr int first_other = 1 << 16;
  return is_of_tls(why) && why.value() < first_other;
}

// The peer does not take our certificate, or wants one: its alerts say so (RFC 8446 §6.2), which OpenSSL
// numbers from 1000 on as reasons of its library 20.
inline bool is_our_certificate_refused(std::error_code why) noexcept {
  constexpr int library = 20 << 23;
  if (!is_of_tls(why) || why.value() < library) return false;
  switch (why.value() - library - 1000) {
    case 42:   // bad_certificate
    case 43:   // unsupported_certificate
    case 44:   // certificate_revoked
    case 45:   // certificate_expired
    case 46:   // certificate_unknown
    case 48:   // unknown_ca
    case 49:   // access_denied
    case 116:  // certificate_required
      return true;
  }
  return false;
}

}  // namespace kindwire::net::detail
