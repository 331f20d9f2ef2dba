// Operations that wait for the same thing, each to be cancelled on its own.
#pragma once

#include <algorithm>
#include <asio/error.hpp>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include "operation.hpp"

namespace kindwire::net::detail {

// A ticket names an operation for the cancellation slot that may end it. Handlers never run inside these
// calls.
class waiting_list {
 public:
  using waiting = operation<std::error_code>;

  bool empty() const noexcept { return all_.empty(); }

  void add(waiting one, std::uint32_t ticket) { all_.push_back({ticket, std::move(one)}); }

  void cancel(asio::any_io_executor const& own, std::uint32_t ticket) {
    auto const found =
        std::find_if(all_.begin(), all_.end(), [&](auto const& each) { return each.ticket == ticket; });
    if (found == all_.end()) return;
    auto one = std::move(found->one);
    all_.erase(found);
    one.post(own, asio::error::operation_aborted);
  }

  void complete(asio::any_io_executor const& own, std::error_code outcome) {
    for (auto& each : std::exchange(all_, {})) each.one.post(own, outcome);
  }

 private:
  struct entry {
    std::uint32_t ticket;
    waiting one;
  };
  std::vector<entry> all_;
};

}  // namespace kindwire::net::detail
