// Which shard of a hub a connection belongs to.
#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "../net/connection/connection.hpp"
#include "../net/connection/context_gate.hpp"
#include "../net/connection/mailbox.hpp"
#include "../net/connection/target_of.hpp"
#include "audience.hpp"
#include "shard.hpp"

namespace kindwire::detail {

// Guarded by the hub's lock.
class shards {
 public:
  // A connection that works on a context itself shares a thread with all others that do; on a strand, it is
  // alone. May throw std::bad_alloc.
  std::shared_ptr<shard> of(net::detail::connection& over, std::shared_ptr<net::detail::mailbox> const& box,
                            std::shared_ptr<room_log> const& log, shard::report report) {
    auto const* const io = net::detail::target_of<asio::io_context::executor_type>(over.executor());
    if (io == nullptr) return std::make_shared<shard>(box, log, std::move(report));
    auto gate = net::detail::context_gate::of(over.executor());
    std::erase_if(all_, [](auto const& each) { return each.expired(); });
    for (auto const& each : all_) {
      if (auto found = each.lock(); found && found->is_of(*gate)) return found;
    }
    auto const fresh = std::make_shared<shard>(*io, std::move(gate), log, std::move(report));
    all_.push_back(fresh);
    return fresh;
  }

 private:
  std::vector<std::weak_ptr<shard>> all_;
};

}  // namespace kindwire::detail
