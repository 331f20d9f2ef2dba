// What all connections of one end have in common: certificates, and whom to trust.
#pragma once

#include "requirements.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <system_error>
#include <utility>

#include "loading/client_context.hpp"
#include "loading/context_state.hpp"
#include "loading/server_context.hpp"
#include "options.hpp"

namespace kindwire::tls {

/// The options of one end, read and checked. Copies share it. Thread safe: any number of streams on any
/// threads may be made from one.
class context {
 public:
  /// A server's, or a client's.
  ///
  /// Throws std::system_error that says which file, and what is wrong with it: one that cannot be read, PEM
  /// that is none, a key of another certificate, a wrong password; and std::bad_alloc. Files are read now;
  /// later changes need a new context.
  explicit context(server_options const& options)
      : context(options, std::make_shared<detail::ticket_keys>(options.ticket_key_lifetime)) {}
  explicit context(client_options const& options = {})
      : state_(std::make_shared<detail::client_context>(options)) {}

  /// A server's whose clients may resume the sessions of another one with the same keys.
  context(server_options const& options, std::shared_ptr<detail::ticket_keys> tickets)
      : state_(std::make_shared<detail::server_context>(options, std::move(tickets))) {}

  /// For what the options do not have; before the first stream is made from it. Streams have a message
  /// callback of their own.
  SSL_CTX* native_handle() const noexcept { return state_->native_handle(); }

  bool is_server() const noexcept { return state_->is_server(); }

 private:
  template <class Socket>
  friend class stream;

  std::shared_ptr<detail::context_state const> state_;
};

}  // namespace kindwire::tls
