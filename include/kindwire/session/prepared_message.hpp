// Messages for many connections, by sessions. Apart from the session, which needs nothing that threads share.
#pragma once

#include <system_error>

#include "../error.hpp"
#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../message/prepared_message.hpp"
#include "session.hpp"

namespace kindwire {

inline std::error_code session::send_prepared(prepared_message const& whole, compress how) {
  if (!begins_message(whole.type())) return error::invalid_argument;
  auto const encoder =
      extension_ != nullptr && how == compress::yes && is_open() ? extension_->encoder() : nullptr;
  if (!encoder) return send(whole.type(), whole.bytes(), true, how);
  auto const made = whole.encoded(encoder);
  if (made->payload) return send_encoded(whole.type(), *made->payload);
  return send(whole.type(), whole.bytes(), true, compress::no);
}

}  // namespace kindwire
