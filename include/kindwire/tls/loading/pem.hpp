// Reads certificates and keys, and says in words what is wrong with them.
#pragma once

#include "../requirements.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../options.hpp"
#include "openssl_ptr.hpp"

namespace kindwire::tls::detail {

inline std::string name_of(pem_source const& from, char const* what) {
  return from.is_file() ? std::string(what) + " " + from.text() : std::string(what) + " in memory";
}

[[noreturn]] inline void refuse(pem_source const& from, char const* what, std::error_code why) {
  if (why == std::errc::not_enough_memory) throw std::bad_alloc();
  throw std::system_error(why, name_of(from, what));
}

// Text of the source. Throws std::system_error.
inline std::string text_of(pem_source const& from, char const* what) {
  if (!from)
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            std::string(what) + " is missing");
  // OpenSSL counts in int.
  constexpr auto most = static_cast<std::size_t>((std::numeric_limits<int>::max)());
  auto const too_large = std::make_error_code(std::errc::file_too_large);
  if (!from.is_file()) {
    if (from.text().size() > most) refuse(from, what, too_large);
    return from.text();
  }
  struct close_file {
    void operator()(std::FILE* last) const noexcept { std::fclose(last); }
  };
  std::unique_ptr<std::FILE, close_file> const file(std::fopen(from.text().c_str(), "rb"));
  auto const fail = [&] { refuse(from, what, {errno, std::generic_category()}); };
  if (!file) fail();
  std::string result;
  char part[4096];
  while (std::size_t const size = std::fread(part, 1, sizeof part, file.get())) {
    if (result.size() > most - size) refuse(from, what, too_large);
    result.append(part, size);
  }
  if (std::ferror(file.get()) != 0) fail();
  return result;
}

inline openssl_ptr<BIO> reader_of(std::string const& text) {
  openssl_ptr<BIO> result(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!result) throw std::bad_alloc();
  ::ERR_clear_error();
  return result;
}

// All certificates of the source, at least one, in their order.
inline openssl_ptr<x509_stack> certificates_of(pem_source const& from, char const* what) {
  std::string const text = text_of(from, what);
  auto const reader = reader_of(text);
  openssl_ptr<x509_stack> result(sk_X509_new_null());
  if (!result) throw std::bad_alloc();
  while (openssl_ptr<X509> next{::PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)}) {
    if (sk_X509_push(result.get(), next.get()) == 0) throw std::bad_alloc();
    next.release();
  }
  // The end of the text is where there is no other.
  bool const at_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end || sk_X509_num(result.get()) == 0) refuse(from, what, last_error());
  ::ERR_clear_error();
  return result;
}

inline openssl_ptr<EVP_PKEY> key_of(pem_source const& from, std::string const& password, char const* what) {
  std::string text = text_of(from, what);
  auto const reader = reader_of(text);
  // Without a callback OpenSSL would ask on the terminal.
  auto const tell = [](char* into, int room, int, void* data) {
    auto const& word = *static_cast<std::string const*>(data);
    if (word.empty() || static_cast<std::size_t>(room) < word.size()) return -1;
    std::memcpy(into, word.data(), word.size());
    return static_cast<int>(word.size());
  };
  openssl_ptr<EVP_PKEY> result(
      ::PEM_read_bio_PrivateKey(reader.get(), nullptr, tell, const_cast<std::string*>(&password)));
  ::OPENSSL_cleanse(text.data(), text.size());
  if (!result) refuse(from, what, last_error());
  return result;
}

// A certificate, its key, and the rest of its chain.
struct loaded_identity {
  openssl_ptr<X509> certificate;
  openssl_ptr<x509_stack> chain;
  openssl_ptr<EVP_PKEY> key;
};

inline loaded_identity load(pem_source const& certificate, pem_source const& key,
                            std::string const& password) {
  loaded_identity result;
  result.chain = certificates_of(certificate, "certificate");
  result.certificate.reset(sk_X509_shift(result.chain.get()));
  result.key = key_of(key, password, "key");
  if (::X509_check_private_key(result.certificate.get(), result.key.get()) != 1) {
    refuse(key,
           ("key of another certificate than the " + name_of(certificate, "certificate") + ": key").c_str(),
           last_error());
  }
  return result;
}

}  // namespace kindwire::tls::detail
