// What an executor of any type is.
#pragma once

#include <asio/any_io_executor.hpp>
#include <typeinfo>

namespace kindwire::net::detail {

// Null unless it is an Executor. Before Asio 1.28, any_io_executor::target() returns whatever is there as an
// Executor.
template <class Executor>
Executor const* target_of([[maybe_unused]] asio::any_io_executor const& any) noexcept {
#if defined(ASIO_NO_TYPEID)
  return nullptr;
#else
  return any.target_type() == typeid(Executor) ? any.template target<Executor>() : nullptr;
#endif
}

}  // namespace kindwire::net::detail
