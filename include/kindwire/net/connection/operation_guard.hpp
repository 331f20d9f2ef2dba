// What keeps a connection alive while an operation of its own is under way.
#pragma once

#include <memory>
#include <utility>

namespace kindwire::net::detail {

// Lives in the operation's handler. A handler that is destroyed without being called says that its context is
// going away: the connection then lets go of the operations that wait in it, since a coroutine that waits for
// the connection may be what keeps it alive.
template <class Connection>
class operation_guard {
 public:
  explicit operation_guard(std::shared_ptr<Connection> of) noexcept : of_(std::move(of)) {}
  operation_guard(operation_guard&&) noexcept = default;
  operation_guard(operation_guard const&) = delete;
  operation_guard& operator=(operation_guard const&) = delete;
  ~operation_guard() {
    if (of_) of_->drop_operations();
  }

  // What a handler begins with.
  std::shared_ptr<Connection> end() noexcept { return std::move(of_); }

 private:
  std::shared_ptr<Connection> of_;
};

}  // namespace kindwire::net::detail
