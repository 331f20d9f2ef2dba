// How nodes know of each other that they are there: each has a key that expires.
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connection.hpp"
#include "names.hpp"
#include "reply.hpp"
#include "topics.hpp"

namespace kindwire::detail {

// A part of redis_node_state.
class redis_heartbeat {
 public:
  redis_heartbeat(redis_names const& names, redis_topics const& topics, std::string const& self,
                  std::chrono::milliseconds term)
      : names_(names), topics_(topics), self_(self), term_(std::to_string(term.count() * 3 / 4)) {}

  // How long the key of a node is there, in milliseconds. Each node asks for the others' four times in a
  // node's term: together they notice within the term.
  std::string const& term() const noexcept { return term_; }

  // Calls `lost` with each node that held something here, and has ended; and `look` with each topic of which
  // a snapshot is needed, because such a node has come back before Redis has released what it held.
  template <class Lost, class Look>
  void show(std::shared_ptr<redis_connection> const& by, Lost lost, Look look) {
    // Keys that are gone are not made again: others may have taken this node for dead, so that all that it
    // holds is to be held again.
    auto const extended = [connection = by.get()](redis_reply& reply) {
      if (!reply.is(redis_reply::kind::integer)) return connection->fail(reply);
      if (reply.integer != 1) connection->fail(redis_error::data_lost);
    };
    by->ask({"PEXPIRE", names_.node(), term_}, extended);
    by->ask({"PEXPIRE", names_.sent(), "86400000"}, extended);

    std::set<std::string, std::less<>> nodes;
    for (auto const& [name, topic] : topics_.all()) topic->view.add_nodes(nodes);
    nodes.erase(self_);
    if (nodes.empty()) return;
    std::vector<std::string> keys;
    for (auto const& each : nodes) keys.push_back(names_.node_prefix() + each);
    std::vector<std::string_view> words{"MGET"};
    words.insert(words.end(), keys.begin(), keys.end());
    by->ask(words, [this, connection = by.get(), nodes, lost, look](redis_reply& reply) {
      if (!reply.is_array_of(nodes.size())) return connection->fail(reply);
      auto place = reply.items.begin();
      for (auto const& each : nodes) {
        if (!(place++)->is(redis_reply::kind::nil)) continue;
        if (remove(*connection, each, look)) lost(each);
      }
    });
  }

 private:
  // False if no topic has anything of it any more.
  template <class Look>
  bool remove(redis_connection& by, std::string const& node, Look const& look) {
    bool has_found = false;
    for (auto const& [name, topic] : topics_.all()) {
      if (!topic->view.has_records_of(node)) continue;
      has_found = true;
      topic->view.forget_records_of(node);
      by.run(redis_script::remove, {names_.held(name), names_.node_prefix() + node},
             {names_.channel(name), node}, [connection = &by, look, topic_name = name](redis_reply& reply) {
               if (!reply.is(redis_reply::kind::string)) return connection->fail(reply);
               if (reply.text == "alive") look(topic_name);
             });
    }
    return has_found;
  }

  redis_names const& names_;
  redis_topics const& topics_;
  std::string const& self_;
  std::string const term_;
};

}  // namespace kindwire::detail
