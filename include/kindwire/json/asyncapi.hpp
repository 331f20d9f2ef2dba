// An AsyncAPI 3 document of a server's routes and messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

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
      operation(route, "receive", "binary_received", route.received());
      operation(route, "send", "binary_sent", route.sent());
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
    message_set all = route.received();
    for (std::size_t const each : route.sent().kinds) all.insert(each);
    for (std::size_t const each : all.kinds) {
      out_.key(name(each));
      out_.reference("#/components/messages/", name(each));
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

  void operation(route_description const& route, std::string_view action, std::string_view binary_name,
                 message_set const& messages) {
    if (messages.empty()) return;
    std::string const channel = "#/channels/" + route.name();
    out_.key(route.name() + '_' + std::string{action});
    out_.open('{');
    out_.member("action", action);
    out_.key("channel");
    out_.reference(channel, "");
    if (!route.info().handler.empty()) out_.member("x-handler", route.info().handler);
    out_.key("messages");
    out_.open('[');
    for (std::size_t const each : messages.kinds) out_.reference(channel + "/messages/", name(each));
    if (messages.binary) out_.reference(channel + "/messages/", binary_name);
    out_.close(']');
    out_.close('}');
  }

  void components() {
    message_set all;
    for (route_description const& route : what_.routes()) {
      for (std::size_t const each : route.received().kinds) all.insert(each);
      for (std::size_t const each : route.sent().kinds) all.insert(each);
    }
    out_.key("components");
    out_.open('{');
    out_.key("messages");
    out_.open('{');
    for (std::size_t const each : all.kinds) message(what_.types().entries()[each]);
    out_.close('}');
    out_.key("schemas");
    out_.open('{');
    schema_printer schemas{out_, what_.types(), "#/components/schemas/", what_.info().options};
    for (type_entry const& entry : what_.types().entries()) {
      out_.key(entry.name);
      schemas.print(entry);
    }
    out_.close('}');
    out_.close('}');
  }

  void message(type_entry const& entry) {
    out_.key(entry.name);
    out_.open('{');
    out_.member("name", entry.kind);
    if (!entry.description.empty()) out_.member("summary", entry.description);
    out_.key("payload");
    out_.reference("#/components/schemas/", entry.name);
    out_.close('}');
  }

  std::string const& name(std::size_t entry) const { return what_.types().entries()[entry].name; }

  protocol const& what_;
  document_writer out_;
};

}  // namespace detail

/// An AsyncAPI 3.0 document: a channel for each route, an operation for each of its directions, from the
/// server's point of view, a message for each kind, and the schemas of what they hold (see json_schema(),
/// whose words these are). A route's handler is under `x-handler` in its operations. Ends with a newline.
inline std::string asyncapi(protocol const& what) { return detail::asyncapi_printer{what}.print(); }

}  // namespace kindwire
