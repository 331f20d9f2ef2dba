// What joins the hubs of several processes to one: the interface of a backplane.
//
//     kw::hub<std::string> users{io, kw::redis_backplane{"redis://127.0.0.1"}};    // hub/redis.hpp
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace kindwire {

/// Joins hubs in several processes, the nodes, by topics: each node gets what is published on those that it
/// has subscribed to, its own messages among them, and all nodes get it in the same order. A topic is a
/// printable name of at most 300 bytes; messages and values are bytes that mean nothing to a backplane.
///
/// A topic may have a log, which keeps its latest messages. Each of these has a number, greater than that of
/// the one before it, and is published once and not lost while the log is there, however often a connection
/// breaks. What is published on a topic without a log while a connection breaks may be lost, but is not
/// doubled.
///
/// A node may hold records at a topic: who is there. They end with the node.
///
/// The functions are called by any thread, with a lock of the hub's: they do not wait, and call no listener.
/// Those that return nothing may throw std::bad_alloc, and have then done nothing.
/// The listener is called by one thread at a time, and may have the backplane destroyed in such a call.
class backplane {
 public:
  /// The log of a topic: at most so many messages, for so long. 0: none.
  struct log {
    std::size_t most = 0;
    std::chrono::milliseconds time{0};

    friend bool operator==(log const&, log const&) = default;
  };

  struct message {
    std::uint64_t number;  ///< 0 on a topic without a log
    std::string bytes;
    /// Of a snapshot: this node has been told of it under another number, which the server has lost.
    bool again = false;
  };

  /// Held by a node, under a name, at a topic.
  struct record {
    std::string node;  ///< empty for the node's own
    std::string name;
    std::string value;
  };

  /// A topic at a moment, between two of its messages.
  struct snapshot {
    std::string epoch;            ///< printable, without '-'; numbers of another epoch are of another log
    std::uint64_t last = 0;       ///< no message has had a greater number; 0: there has been none
    std::uint64_t forgotten = 0;  ///< that of the latest message which the log has no more; 0: it has all
    std::vector<message> kept;    ///< in the log, oldest first
    std::vector<record> records;
  };

  class listener {
   public:
    /// subscribe() has taken effect: all messages and changes of records after this moment will come, and
    /// none has come before. Called again when the connection is back, and whenever something may have been
    /// lost: what is kept may then be new in part, by its numbers, and is all new in another epoch.
    virtual void on_subscribed(std::string_view topic, snapshot const& now) noexcept = 0;
    virtual void on_message(std::string_view topic, std::uint64_t number,
                            std::span<std::byte const> bytes) noexcept = 0;
    /// A node, also this one, holds a record, or one of another value than before; or has released it.
    virtual void on_held(std::string_view topic, record const& what) noexcept = 0;
    virtual void on_released(std::string_view topic, record const& what) noexcept = 0;
    /// Another node has ended without a word: all of its records are released.
    virtual void on_node_lost(std::string_view node) noexcept = 0;
    /// The connection is there, or no longer: why.
    virtual void on_connection(std::error_code why_not) noexcept = 0;

   protected:
    ~listener() = default;
  };

  backplane() = default;
  backplane(backplane const&) = delete;
  backplane& operator=(backplane const&) = delete;
  virtual ~backplane() = default;

  /// Called once, before all others.
  virtual void start(std::weak_ptr<listener> to) = 0;

  /// `keep` is what the topic's log is to keep, from now on; one that keeps nothing leaves the log alone.
  /// What this node publishes on the topic after this call comes back to it as a message. Of a topic
  /// subscribed to already, only `keep` changes, and listener::on_subscribed() is called again.
  virtual void subscribe(std::string_view topic, log keep) = 0;
  /// Nothing of the topic is told any more, but what is under way. What this node holds there is released.
  virtual void unsubscribe(std::string_view topic) = 0;

  /// Whether or not this node has subscribed to the topic. Errors, with nothing published:
  /// std::errc::not_connected, on a topic without a log; std::errc::no_buffer_space, if too much waits for a
  /// connection; std::errc::message_size, if it is larger than may ever come back;
  /// std::errc::not_enough_memory.
  virtual std::error_code publish(std::string_view topic, std::span<std::byte const> bytes, log keep) = 0;

  /// At a topic that this node has subscribed to. Held until released, also when the connection was away;
  /// holding the same name again changes the value.
  virtual void hold(std::string_view topic, std::string_view name, std::string_view value) = 0;
  virtual void release(std::string_view topic, std::string_view name) = 0;
};

/// What a hub takes as its backplane: makes one that works on an executor.
template <class T>
concept backplane_maker = requires(T const& maker, asio::any_io_executor const& executor) {
  { maker.make(executor) } -> std::convertible_to<std::unique_ptr<backplane>>;
};

}  // namespace kindwire
