// Joins several hubs of one program: the backplane that needs no server.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>

#include "backplane.hpp"
#include "memory/bus.hpp"
#include "memory/node.hpp"

namespace kindwire {

/// Joins the hubs that are made with it or with a copy of it:
///
///     kw::memory_backplane bus;
///     kw::hub<std::string> one{io, bus}, two{io, bus};
///
/// The listener's calls run on the executor of their hub, which may be run by several threads. Thread safe.
class memory_backplane {
 public:
  memory_backplane() : bus_(std::make_shared<detail::memory_bus>()) {}

  std::unique_ptr<backplane> make(asio::any_io_executor const& executor) const {
    return std::make_unique<detail::memory_node>(bus_, executor);
  }

  /// For tests of what an outage does. Nodes are counted from 0 in the order in which they were made; one
  /// that has been destroyed is left alone. A node that is cut off publishes nothing and is told of nothing
  /// until mend(); what it publishes on topics with a log waits.
  void cut(std::size_t node) const { bus_->cut(node); }
  void mend(std::size_t node) const { bus_->mend(node); }
  /// The node ends without a word, as if its process were killed: its hub is told of nothing any more.
  void kill(std::size_t node) const { bus_->kill(node); }
  /// All logs and records are lost, as if a server came back empty: each node holds its own again.
  void forget() const { bus_->forget(); }

 private:
  std::shared_ptr<detail::memory_bus> bus_;
};

}  // namespace kindwire
