// TypeScript types of described types: an interface for each, unions told apart by the kind.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "../json/schema.hpp"
#include "catalogue.hpp"
#include "document_writer.hpp"
#include "protocol.hpp"

namespace kindwire {

namespace detail {

class typescript_printer {
 public:
  explicit typescript_printer(catalogue const& types) : types_(types) {
    for (type_entry const& entry : types.entries()) {
      names_.push_back(unused_name(pascal_case(entry.name), taken_));
      taken_.insert(names_.back());
    }
    out_ = "// Printed from the C++ declarations of these messages.\n";
    for (std::size_t index = 0; index < names_.size(); ++index) declare(index);
  }

  void add_alias(std::string_view name, type_node const& node, std::string_view comment) {
    std::string const own = unused_name(pascal_case(plain_name(name)), taken_);
    taken_.insert(own);
    out_ += '\n';
    explain(comment, "");
    out_ += "export type " + own + " =";
    if (node.form == type_form::one_of && node.inner.size() > 1) {
      for (type_node const& each : node.inner) out_ += "\n  | " + type(each);
    } else {
      out_ += ' ' + type(node);
    }
    out_ += ";\n";
  }

  std::string take() { return std::move(out_); }

 private:
  void declare(std::size_t index) {
    type_entry const& entry = types_.entries()[index];
    out_ += '\n';
    explain(entry.description, "");
    if (entry.is_enumeration) {
      out_ += "export type " + names_[index] + " =";
      std::string_view separator = " ";
      for (std::string_view const name : entry.enumerators) {
        out_ += separator;
        out_ += json_string(name);
        separator = " | ";
      }
      // Any other string; a mere `string` would absorb the names before it.
      if (entry.takes_others) out_ += " | (string & {})";
      out_ += ";\n";
      return;
    }
    out_ += "export interface " + names_[index] + " {\n";
    if (!entry.key.empty()) out_ += "  " + property(entry.key) + ": " + json_string(entry.kind) + ";\n";
    for (field_node const& field : entry.fields) {
      explain(comment_of(field), "  ");
      out_ += "  " + property(field.name) + (field.required ? ": " : "?: ") + type(field.type) + ";\n";
    }
    out_ += "}\n";
  }

  // Whether the type's text needs parentheses beside `|`, `&` and `[]`. A codec's own words might.
  static bool is_compound(type_node const& node) {
    switch (node.form) {
      case type_form::optional: return true;
      case type_form::numbers: return node.numbers.size() > 1;
      case type_form::one_of: return node.inner.size() > 1 || is_compound(node.inner[0]);
      case type_form::verbatim: return !node.typescript.empty();
      default: return false;
    }
  }

  std::string of_union(type_node const& node) const {
    return node.form == type_form::verbatim ? operand(node) : type(node);
  }

  // As an operand of `&` or `[]`.
  std::string operand(type_node const& node) const {
    return is_compound(node) ? '(' + type(node) + ')' : type(node);
  }

  std::string type(type_node const& node) const {
    switch (node.form) {
      case type_form::anything: return "unknown";
      case type_form::boolean: return "boolean";
      case type_form::integer:
      case type_form::floating: return "number";
      case type_form::string: return "string";
      // Nested unions become one.
      case type_form::optional: return of_union(node.inner[0]) + " | null";
      case type_form::list: return list(node);
      case type_form::tuple: {
        std::string out;
        for (type_node const& each : node.inner) out += (out.empty() ? "[" : ", ") + type(each);
        return out + ']';
      }
      case type_form::map:
        if (node.inner.size() > 1)
          return "{ [key in " + type(node.inner[1]) + "]?: " + type(node.inner[0]) + " }";
        return "{ [key: string]: " + type(node.inner[0]) + " }";
      case type_form::numbers: {
        std::string out;
        for (std::string const& number : node.numbers) out += (out.empty() ? "" : " | ") + number;
        return out;
      }
      case type_form::constant: return node.numbers[0];
      case type_form::others: return "{ " + property(node.key) + ": string; [name: string]: unknown }";
      case type_form::named: return names_[node.entry];
      case type_form::one_of: {
        std::string out;
        for (type_node const& each : node.inner) out += (out.empty() ? "" : " | ") + of_union(each);
        return out;
      }
      case type_form::with_id:
        return '(' + operand(node.inner[0]) + " & { " + property(node.id_name) + "?: number | string })";
      case type_form::verbatim: break;
    }
    return node.typescript.empty() ? "unknown" : std::string{node.typescript};
  }

  // Short arrays of one length.
  static bool is_tuple(type_node const& node) {
    return node.form == type_form::list && node.min_size && node.min_size == node.max_size &&
           *node.max_size <= 8;
  }

  std::string list(type_node const& node) const {
    if (is_tuple(node)) {
      std::string const element = type(node.inner[0]);
      std::string out = "[";
      for (std::size_t left = *node.max_size; left != 0; --left) out += element + (left == 1 ? "" : ", ");
      return out + ']';
    }
    return operand(node.inner[0]) + "[]";
  }

  // Names of properties need no quotation marks if they are identifiers, reserved words included.
  static std::string property(std::string_view name) {
    bool plain = !name.empty() && !(name.front() >= '0' && name.front() <= '9');
    for (char const letter : name) {
      plain = plain && ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                        (letter >= '0' && letter <= '9') || letter == '_' || letter == '$');
    }
    return plain ? std::string{name} : json_string(name);
  }

  static std::string range(std::string_view least, std::string_view most) {
    if (least.empty()) return most.empty() ? "" : "up to " + std::string{most};
    if (most.empty()) return "from " + std::string{least} + " on";
    return least == most ? std::string{least} : "from " + std::string{least} + " to " + std::string{most};
  }

  // What TypeScript's types cannot say.
  static std::string remark(type_node const& node) {
    auto const sizes = [&](std::string_view what) {
      std::string const bounds = range(node.min_size ? std::to_string(*node.min_size) : "",
                                       node.max_size ? std::to_string(*node.max_size) : "");
      return bounds.empty() ? bounds : std::string{what} + ": " + bounds;
    };
    switch (node.form) {
      case type_form::integer:
        return (node.multiple_of == 1 ? "an integer "
                                      : "a multiple of " + std::to_string(node.multiple_of) + ' ') +
               range(node.minimum, node.maximum);
      case type_form::floating:
        if (!node.minimum_is_stated && !node.maximum_is_stated) return {};
        return "a number " +
               range(node.minimum_is_stated ? node.minimum : "", node.maximum_is_stated ? node.maximum : "");
      case type_form::string:
        if (!node.format.empty()) return "as in RFC 3339";
        if (!node.encoding.empty()) return "bytes in " + std::string{node.encoding};
        return node.pattern.empty() ? sizes("characters") : "an integer";
      case type_form::map: return sizes("entries");
      case type_form::list: return is_tuple(node) ? std::string{} : sizes("elements");
      case type_form::optional: return remark(node.inner[0]);
      default: return {};
    }
  }

  static std::string comment_of(field_node const& field) {
    std::string out = field.description;
    auto const add = [&](std::string const& more) {
      if (!more.empty()) out += (out.empty() ? "" : "; ") + more;
    };
    add(remark(field.type));
    if (!field.otherwise.empty()) add("absent: " + field.otherwise);
    return out;
  }

  void explain(std::string_view text, std::string_view indent) {
    if (text.empty()) return;
    out_ += indent;
    out_ += "/** ";
    for (std::size_t at = 0; at < text.size(); ++at) {
      char const letter = text[at];
      if (letter == '\n' || letter == '\r') {
        out_ += '\n';
        out_ += indent;
        out_ += " * ";
      } else if (letter == '/' && at != 0 && text[at - 1] == '*') {
        out_ += "\\/";  // does not end the comment
      } else {
        out_ += letter;
      }
    }
    out_ += " */\n";
  }

  catalogue const& types_;
  std::vector<std::string> names_;
  std::set<std::string> taken_;
  std::string out_;
};

}  // namespace detail

/// TypeScript types of what decode<T>() accepts: an interface for each described type, by its C++ name in
/// PascalCase, and T itself, or the union of several messages told apart by the kind, as `name`. Like
/// json_schema(), they say what the reader accepts; comments say what types cannot. Ends with a newline.
template <class T, class... More>
std::string typescript(std::string_view name = "Message") {
  detail::catalogue types;
  detail::type_node const set = types.describe_set<T, More...>();
  detail::typescript_printer printer{types};
  printer.add_alias(name, set, {});
  return printer.take();
}

/// The same for the kinds that a dispatcher has handlers for.
template <class Dispatcher>
requires detail::is_dispatcher<Dispatcher> std::string typescript(Dispatcher const& handlers,
                                                                  std::string_view name = "Message") {
  detail::catalogue types;
  detail::type_node const set = types.describe_handled(handlers);
  detail::typescript_printer printer{types};
  printer.add_alias(name, set, {});
  return printer.take();
}

/// TypeScript types of a server's messages. Those of a route called `upload` are in the unions
/// `UploadToServer` and `UploadFromServer`. Ends with a newline.
inline std::string typescript(protocol const& what) {
  detail::typescript_printer printer{what.types()};
  for (route_description const& route : what.routes()) {
    if (auto const set = detail::all_of(route.received(), route.sent()); !set.inner.empty()) {
      printer.add_alias(route.name() + "_to_server", set,
                        "What the server receives at `" + route.path() + "`.");
    }
    if (auto const set = detail::all_of(route.sent(), route.received()); !set.inner.empty()) {
      printer.add_alias(route.name() + "_from_server", set,
                        "What the server sends at `" + route.path() + "`.");
    }
  }
  return printer.take();
}

}  // namespace kindwire
