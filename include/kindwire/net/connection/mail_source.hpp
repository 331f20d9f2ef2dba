// What others keep for a connection until it takes it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace kindwire::net::detail {

// Something that has messages for connections of one executor, which are to leave before what these send of
// their own afterwards. Used on that executor only.
class mail_source {
 public:
  mail_source() noexcept = default;
  mail_source(mail_source const&) = delete;
  mail_source& operator=(mail_source const&) = delete;
  virtual ~mail_source() = default;

  // False while it delivers.
  virtual bool has_mail() const noexcept = 0;
  // Queues what it has, for all its connections. Calls no user code.
  virtual void deliver_mail() noexcept = 0;
  // One of its connections has ended, or the context has.
  virtual void connection_ended() noexcept = 0;
};

// Those of one connection.
class mail_sources {
 public:
  // May be added more than once, and is then to be removed as often. May throw std::bad_alloc.
  void add(std::shared_ptr<mail_source> source) { all_.push_back(std::move(source)); }
  void remove(mail_source const& source) noexcept {
    auto const found =
        std::find_if(all_.begin(), all_.end(), [&](auto& each) { return each.get() == &source; });
    if (found != all_.end()) all_.erase(found);
  }

  // Those that deliver may add and remove sources.
  void deliver() noexcept {
    for (std::size_t i = 0; i < all_.size();) {
      auto const source = all_[i];
      if (source->has_mail()) source->deliver_mail();
      if (i < all_.size() && all_[i] == source) ++i;  // unless another has taken its place
    }
  }

  // There will be no delivery any more.
  void end() noexcept {
    for (auto const& each : std::exchange(all_, {})) each->connection_ended();
  }

 private:
  std::vector<std::shared_ptr<mail_source>> all_;
};

}  // namespace kindwire::net::detail
