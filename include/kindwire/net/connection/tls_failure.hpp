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

}  // namespace kindwire::net::detail
