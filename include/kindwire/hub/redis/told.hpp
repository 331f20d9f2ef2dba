// Remembers which messages of a topic this node has already seen, by the node that published them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>

namespace kindwire::detail {

// A node's messages on a topic arrive in the order of their sequence numbers, so the latest stands for all
// before it. Remembering the nodes that published most recently is enough: only what was under way when Redis
// failed is published again.
class redis_told {
 public:
  static constexpr std::size_t most_nodes = 256;

  bool has(std::string_view node, std::uint64_t sequence) const noexcept {
    auto const found = latest_.find(node);
    return found != latest_.end() && sequence <= found->second.sequence;
  }
  // May throw std::bad_alloc, with nothing noted.
  void note(std::string_view node, std::uint64_t sequence) {
    auto found = latest_.find(node);
    if (found == latest_.end()) {
      found = latest_.emplace(node, latest{}).first;
      if (latest_.size() > most_nodes) latest_.erase(oldest());
    }
    found->second = {(std::max)(sequence, found->second.sequence), ++turn_};
  }

 private:
  struct latest {
    std::uint64_t sequence = 0;
    std::uint64_t turn = (std::numeric_limits<std::uint64_t>::max)();  // of note(); not yet
  };
  using map = std::map<std::string, latest, std::less<>>;

  map::const_iterator oldest() const noexcept {
    return std::min_element(latest_.begin(), latest_.end(), [](auto const& one, auto const& other) {
      return one.second.turn < other.second.turn;
    });
  }

  map latest_;
  std::uint64_t turn_ = 0;
};

}  // namespace kindwire::detail
