// A connection over one transport.
#pragma once

#include <memory>
#include <utility>

#include "../../frame/role.hpp"
#include "../options.hpp"
#include "connection.hpp"
#include "transport.hpp"

namespace kindwire::net::detail {

// A connection and its transport, in one block.
template <class Transport>
class connection_over final : public connection {
 public:
  template <class... Args>
  connection_over(role self, std::shared_ptr<connection_options const> options, Args&&... args)
      : connection(self, std::move(options)), transport_(*this, std::forward<Args>(args)...) {}

  Transport& over() noexcept { return transport_; }

 private:
  transport& stream() noexcept override { return transport_; }
  transport const& stream() const noexcept override { return transport_; }

  Transport transport_;
};

}  // namespace kindwire::net::detail
