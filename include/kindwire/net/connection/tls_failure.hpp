// What net/ knows of the errors of tls/, which it does not include.
#pragma once

#include <string_view>
#include <system_error>

namespace kindwire::net::detail {

inline bool is_of_tls(std::error_code why) noexcept {
  return std::string_view(why.category().name()) == "kindwire.tls";
}

// The verdict on what the peer has shown, a certificate above all. The codes up to there are those of
// X509_V_ERR_… and tls::error; OpenSSL's other errors follow.
inline bool is_verdict_of_tls(std::error_code why) noexcept {
  constexpr int first_other = 1 << 16;
  return is_of_tls(why) && why.value() < first_other;
}

}  // namespace kindwire::net::detail
