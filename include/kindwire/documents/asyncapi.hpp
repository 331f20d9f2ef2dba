// An AsyncAPI 3 document of a server's routes and messages.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "../json/error.hpp"
#include "catalogue.hpp"
#include "document_writer.hpp"
#include "json_schema.hpp"
#include "protocol.hpp"

namespace kindwire {

namespace detail {

class asyncapi_printer {
 public:
  explicit asyncapi_printer(protocol const& what) : what_(what) {}

  std::string print() {
    out_.open('{');
    out_.member("asyncapi", "3.0.0");
    info();
    out_.member("defaultContentType", "application/json");
    if (!what_.info().url.empty()) servers(what_.info().url);
    out_.key("channels");
    out_.open('{');
    for (route_description const& route : what_.routes()) channel(route);
    out_.close('}');
    out_.key("operations");
    out_.open('{');
    for (route_description const& route : what_.routes()) {
      operations(route, "receive", "binary_received", route.received());
      operations(route, "send", "binary_sent", route.sent());
    }
    out_.close('}');
    components();
    out_.close('}');
    return out_.take();
  }

 private:
  void info() {
    out_.key("info");
    out_.open('{');
    out_.member("title", what_.info().title);
    out_.member("version", what_.info().version);
    describe(what_.info().description);
    out_.close('}');
  }

  void describe(std::string_view description) {
    if (!description.empty()) out_.member("description", description);
  }

  // `wss://example.org/chat` is a protocol, a host and a path.
  void servers(std::string_view url) {
    std::size_t const scheme = url.find("://");
    std::string_view const rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
    std::string_view const host = rest.substr(0, rest.find('/'));
    std::string_view const path = rest.substr(host.size());
    out_.key("servers");
    out_.open('{');
    out_.key("server");
    out_.open('{');
    out_.member("host", host);
    out_.member("protocol", scheme == std::string_view::npos ? "ws" : url.substr(0, scheme));
    if (path.size() > 1) out_.member("pathname", path);
    out_.close('}');
    out_.close('}');
  }

  void channel(route_description const& route) {
    out_.key(route.name());
    out_.open('{');
    out_.member("address", route.path());
    describe(route.info().description);
    if (auto const parameters = path_parameters_of(route.path()); !parameters.empty()) {
      out_.key("parameters");
      out_.open('{');
      for (std::string_view const name : parameters) out_.raw_member(name, "{}");
      out_.close('}');
    }
    out_.key("messages");
    out_.open('{');
    std::set<std::string> names;
    add_names(names, all_of(route.received(), route.sent()));
    add_names(names, all_of(route.sent(), route.received()));
    for (std::string const& each : names) {
      out_.key(each);
      out_.reference("#/components/messages/", each);
    }
    binary("binary_received", route.received());
    binary("binary_sent", route.sent());
    out_.close('}');
    out_.close('}');
  }

  void binary(std::string_view name, message_set const& messages) {
    if (!messages.binary) return;
    out_.key(name);
    out_.open('{');
    out_.member("name", "BINARY");
    out_.member("contentType", "application/octet-stream");
    describe(messages.binary_description);
    out_.close('}');
  }

  // Messages without an answer share one operation; each question has its own, with its answers.
  void operations(route_description const& route, std::string_view action, std::string_view binary_name,
                  message_set const& messages) {
    std::string const name = route.name() + '_' + std::string{action};
    if (!messages.kinds.empty() || messages.binary) {
      operation(route, name, action);
      out_.key("messages");
      out_.open('[');
      for (std::size_t const each : messages.kinds) message_of(route, name_of(named_type(each)));
      if (messages.binary) message_of(route, binary_name);
      out_.close(']');
      out_.close('}');
    }
    for (exchange const& each : messages.exchanges) {
      operation(route, name + '_' + name_of(named_type(each.question)), action);
      out_.key("messages");
      out_.open('[');
      message_of(route, name_of(with_id(each.question, each.id_name)));
      out_.close(']');
      out_.key("reply");
      out_.open('{');
      out_.key("channel");
      out_.reference("#/channels/", route.name());
      out_.key("messages");
      out_.open('[');
      for (std::size_t const answer : each.answers) message_of(route, name_of(with_id(answer, each.id_name)));
      out_.close(']');
      out_.close('}');
      out_.close('}');
    }
  }

  // Begins an operation.
  void operation(route_description const& route, std::string_view name, std::string_view action) {
    out_.key(name);
    out_.open('{');
    out_.member("action", action);
    out_.key("channel");
    out_.reference("#/channels/", route.name());
    if (!route.info().handler.empty()) out_.member("x-handler", route.info().handler);
  }

  void message_of(route_description const& route, std::string_view name) {
    out_.reference("#/channels/" + route.name() + "/messages/", name);
  }

  void components() {
    std::map<std::string, type_node> all;
    auto const add = [&](type_node const& set) {
      for (type_node const& each : set.inner) all.emplace(name_of(each), each);
    };
    for (route_description const& route : what_.routes()) {
      add(all_of(route.received(), route.sent()));
      add(all_of(route.sent(), route.received()));
    }
    schema_printer schemas{out_, what_.types(), "#/components/schemas/", what_.info().options};
    out_.key("components");
    out_.open('{');
    out_.key("messages");
    out_.open('{');
    for (auto const& [name, node] : all) message(name, node, schemas);
    out_.close('}');
    out_.key("schemas");
    out_.open('{');
    for (type_entry const& entry : what_.types().entries()) {
      out_.key(entry.name);
      schemas.print(entry);
    }
    out_.close('}');
    out_.close('}');
  }

  void message(std::string_view name, type_node const& node, schema_printer& schemas) {
    bool const has_id = node.form == type_form::with_id;
    type_entry const& entry = what_.types().entries()[has_id ? node.inner[0].entry : node.entry];
    out_.key(name);
    out_.open('{');
    out_.member("name", entry.kind);
    if (!entry.description.empty()) out_.member("summary", entry.description);
    if (has_id) {
      std::string pointer;
      prepend_step(pointer, node.id_name);
      out_.key("correlationId");
      out_.open('{');
      out_.member("location", "$message.payload#" + pointer);
      out_.close('}');
    }
    out_.key("payload");
    schemas.value(node);
    out_.close('}');
  }

  void add_names(std::set<std::string>& names, type_node const& set) {
    for (type_node const& each : set.inner) names.insert(name_of(each));
  }

  // A message's name among AsyncAPI's components. Names of types have no dots.
  std::string name_of(type_node const& node) const {
    if (node.form == type_form::named) return what_.types().entries()[node.entry].name;
    return name_of(node.inner[0]) + ".with_" + plain_name(node.id_name);
  }

  protocol const& what_;
  document_writer out_;
};

}  // namespace detail

/// An AsyncAPI 3.0 document: a channel for each route, an operation for each of its directions, from the
/// server's point of view, a message for each kind, and the schemas of what they hold (worded as by
/// json_schema()). A route's handler is under `x-handler` in its operations. Ends with a newline.
inline std::string asyncapi(protocol const& what) { return detail::asyncapi_printer{what}.print(); }

}  // namespace kindwire
