// The certificates of a server, by the names that clients ask for (RFC 6066 §3).
#pragma once

#include "../requirements.hpp"

#include <openssl/x509v3.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../handshake/grammar.hpp"
#include "openssl_ptr.hpp"
#include "pem.hpp"

namespace kindwire::tls::detail {

class named_identities {
 public:
  // May throw std::bad_alloc.
  void add(loaded_identity one) {
    std::size_t const place = all_.size();
    all_.push_back(std::move(one));
    for (std::string& each : names_in(all_.back().certificate.get()))
      by_name_.emplace(std::move(each), place);
  }

  bool empty() const noexcept { return all_.empty(); }

  // Null if none is for that name. A wildcard stands for one label (RFC 6125 §6.4.3). May throw
  // std::bad_alloc.
  loaded_identity const* find(std::string_view name) const {
    std::string wanted = lower(name);
    if (wanted.ends_with('.')) wanted.pop_back();
    auto found = by_name_.find(wanted);
    if (found == by_name_.end()) {
      std::size_t const dot = wanted.find('.');
      if (dot != std::string::npos && dot != 0) found = by_name_.find(wanted.replace(0, dot, "*"));
    }
    return found == by_name_.end() ? nullptr : &all_[found->second];
  }

 private:
  static std::string lower(std::string_view text) {
    std::string result;
    for (char const c : text) result += kindwire::detail::to_lower(c);
    return result;
  }

  static std::vector<std::string> names_in(X509* certificate) {
    struct free_names {
      void operator()(GENERAL_NAMES* last) const noexcept { ::GENERAL_NAMES_free(last); }
    };
    std::unique_ptr<GENERAL_NAMES, free_names> const all(
        static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> result;
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
      GENERAL_NAME const* const each = sk_GENERAL_NAME_value(all.get(), i);
      if (each->type != GEN_DNS) continue;
      auto const* const text = reinterpret_cast<char const*>(::ASN1_STRING_get0_data(each->d.dNSName));
      result.push_back(lower({text, static_cast<std::size_t>(::ASN1_STRING_length(each->d.dNSName))}));
    }
    return result;
  }

  std::vector<loaded_identity> all_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace kindwire::tls::detail
