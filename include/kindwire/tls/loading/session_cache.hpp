// The sessions that a client may take up again, by host and port.
#pragma once

#include "../requirements.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "openssl_ptr.hpp"

namespace kindwire::tls::detail {

// Thread safe. The oldest make room for new ones.
class session_cache {
 public:
  static constexpr std::size_t capacity = 256;
  // A server may give several tickets at once; each is used once (RFC 8446 C.4).
  static constexpr std::size_t capacity_of_peer = 4;

  // May throw std::bad_alloc.
  void put(std::string_view peer, openssl_ptr<SSL_SESSION> session) {
    std::list<entry> fresh;
    fresh.push_back({std::string(peer), std::move(session)});
    std::list<entry> dropped;  // freed without the lock
    std::lock_guard const lock(mutex_);
    std::size_t same = 0;
    for (auto each = all_.rbegin(); each != all_.rend(); ++each) {
      if (each->peer == peer && ++same == capacity_of_peer) {
        dropped.splice(dropped.end(), all_, std::next(each).base());
        break;
      }
    }
    all_.splice(all_.end(), fresh);
    if (all_.size() > capacity) dropped.splice(dropped.end(), all_, all_.begin());
  }

  // The latest; null for none. One of TLS 1.3 is not kept: who uses it twice can be recognised.
  openssl_ptr<SSL_SESSION> take(std::string_view peer) {
    std::list<entry> found;
    std::lock_guard const lock(mutex_);
    auto const latest =
        std::find_if(all_.rbegin(), all_.rend(), [&](entry const& each) { return each.peer == peer; });
    if (latest == all_.rend()) return nullptr;
    if (::SSL_SESSION_get_protocol_version(latest->session.get()) != TLS1_3_VERSION) {
      ::SSL_SESSION_up_ref(latest->session.get());
      return openssl_ptr<SSL_SESSION>(latest->session.get());
    }
    found.splice(found.end(), all_, std::next(latest).base());
    return std::move(found.front().session);
  }

 private:
  struct entry {
    std::string peer;
    openssl_ptr<SSL_SESSION> session;
  };

  std::mutex mutex_;
  std::list<entry> all_;  // the oldest first
};

}  // namespace kindwire::tls::detail
