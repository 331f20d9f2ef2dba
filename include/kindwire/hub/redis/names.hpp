// What keys and channels are called.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace kindwire::detail {

class redis_names {
 public:
  // Channels are the same in all of Redis' databases, and are told apart by the number.
  redis_names(std::string prefix, unsigned database, std::string const& node)
      : prefix_(std::move(prefix)),
        channel_(prefix_ + std::to_string(database) + ':'),
        node_(node_prefix() + node),
        sent_(prefix_ + "sent:" + node) {}

  std::string channel(std::string_view topic) const { return channel_ + std::string(topic); }
  // Empty if it is not one of ours.
  std::string_view topic(std::string_view channel) const noexcept {
    return channel.starts_with(channel_) ? channel.substr(channel_.size()) : std::string_view();
  }

  std::string at(std::string_view topic) const { return of(topic, "at"); }
  std::string log(std::string_view topic) const { return of(topic, "log"); }
  std::string held(std::string_view topic) const { return of(topic, "held"); }
  std::string node_prefix() const { return prefix_ + "node:"; }
  std::string const& node() const noexcept { return node_; }
  std::string const& sent() const noexcept { return sent_; }
  // A key that is not there, to try on what Redis allows.
  std::string probe() const { return sent_ + ":probe"; }

 private:
  std::string of(std::string_view topic, std::string_view what) const {
    std::string name = prefix_;
    name.reserve(prefix_.size() + topic.size() + what.size() + 3);
    return (((name += '{') += topic) += "}:") += what;
  }

  std::string const prefix_;
  std::string const channel_;
  std::string const node_;
  std::string const sent_;
};

}  // namespace kindwire::detail
