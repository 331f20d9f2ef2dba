// JSON Schema (2020-12) of described types: tells the other side what the reader accepts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "../json/reader.hpp"
#include "../json/schema.hpp"
#include "catalogue.hpp"
#include "document_writer.hpp"

namespace kindwire {

namespace detail {

// Prints entries of a catalogue in words common to JSON Schema 2020-12 and draft-07, which AsyncAPI follows.
// In draft-07, anything beside a $ref is ignored.
class schema_printer {
 public:
  schema_printer(document_writer& out, catalogue const& types, std::string_view place, json_options options)
      : out_(out), types_(types), place_(place), options_(options) {}

  void print(type_entry const& entry) {
    out_.open('{');
    if (!entry.description.empty()) out_.member("description", entry.description);
    if (entry.is_enumeration) {
      out_.member("type", "string");
      if (entry.takes_others) {
        out_.key("anyOf");
        out_.open('[');
        out_.open('{');
        strings("enum", entry.enumerators);
        out_.close('}');
        out_.raw("{}");
        out_.close(']');
      } else {
        strings("enum", entry.enumerators);
      }
    } else {
      object(entry);
    }
    out_.close('}');
  }

  void reference(std::size_t entry) { out_.reference(place_, types_.entries()[entry].name); }

  void value(type_node const& type) {
    if (type.form == type_form::named) return reference(type.entry);
    out_.open('{');
    words(type);
    out_.close('}');
  }

  // The keywords of a type, into an object that is open.
  void words(type_node const& type) {
    switch (type.form) {
      case type_form::anything: break;
      case type_form::boolean: out_.member("type", "boolean"); break;
      case type_form::integer: number("integer", type); break;
      case type_form::floating: number("number", type); break;
      case type_form::string:
        out_.member("type", "string");
        if (!type.format.empty()) out_.member("format", type.format);
        if (!type.encoding.empty()) out_.member("contentEncoding", type.encoding);
        if (!type.pattern.empty()) out_.member("pattern", type.pattern);
        sizes("minLength", "maxLength", type);
        break;
      case type_form::numbers: {
        out_.member("type", "integer");
        std::string list;
        for (std::string const& number : type.numbers) list += (list.empty() ? "[" : ", ") + number;
        out_.raw_member("enum", list + "]");
        break;
      }
      case type_form::constant: out_.raw_member("const", type.numbers[0]); break;
      case type_form::others:
        out_.member("type", "object");
        out_.key("properties");
        out_.open('{');
        out_.key(type.key);
        out_.open('{');
        out_.member("type", "string");
        out_.key("not");
        out_.open('{');
        strings("enum", type.kinds);
        out_.close('}');
        out_.close('}');
        out_.close('}');
        strings("required", {type.key});
        break;
      case type_form::optional:
        out_.key("anyOf");
        out_.open('[');
        value(type.inner[0]);
        out_.raw("{\"type\": \"null\"}");
        out_.close(']');
        break;
      case type_form::list:
        out_.member("type", "array");
        out_.key("items");
        value(type.inner[0]);
        sizes("minItems", "maxItems", type);
        if (type.unique) out_.raw_member("uniqueItems", "true");
        break;
      case type_form::tuple:
        out_.member("type", "array");
        // Draft-07 has another word for this.
        out_.key(is_2020_12() ? "prefixItems" : "items");
        out_.open('[');
        for (type_node const& each : type.inner) value(each);
        out_.close(']');
        out_.raw_member("minItems", std::to_string(type.inner.size()));
        out_.raw_member("maxItems", std::to_string(type.inner.size()));
        break;
      case type_form::map:
        out_.member("type", "object");
        out_.key("additionalProperties");
        value(type.inner[0]);
        if (type.inner.size() > 1) {
          out_.key("propertyNames");
          value(type.inner[1]);
        }
        if (!type.pattern.empty())
          out_.raw_member("propertyNames", "{\"pattern\": " + json_string(type.pattern) + "}");
        sizes("minProperties", "maxProperties", type);
        break;
      case type_form::named:
        out_.key("allOf");
        out_.open('[');
        reference(type.entry);
        out_.close(']');
        break;
      case type_form::one_of:
        out_.key("oneOf");
        out_.open('[');
        for (type_node const& each : type.inner) value(each);
        out_.close(']');
        break;
      case type_form::with_id:
        out_.key("allOf");
        out_.open('[');
        value(type.inner[0]);
        out_.raw("{\"properties\": {" + json_string(type.id_name) +
                 ": {\"type\": [\"number\", \"string\"]}}}");
        out_.close(']');
        break;
      case type_form::verbatim:
        if (type.json_schema.empty()) break;
        out_.key("allOf");
        out_.open('[');
        out_.raw(type.json_schema);
        out_.close(']');
    }
  }

 private:
  bool is_2020_12() const noexcept { return place_ == "#/$defs/"; }

  void object(type_entry const& entry) {
    out_.member("type", "object");
    out_.key("properties");
    out_.open('{');
    std::vector<std::string_view> required;
    if (!entry.key.empty()) {
      out_.raw_member(entry.key, "{\"type\": \"string\", \"const\": " + json_string(entry.kind) + "}");
      required.push_back(entry.key);
    }
    bool has_id = false;
    for (field_node const& field : entry.fields) {
      out_.key(field.name);
      member(field);
      if (field.required) required.push_back(field.name);
      has_id = has_id || field.name == options_.id_name;
    }
    // In a message that is not inside another, the id is not an unknown field.
    if (!entry.key.empty() && !has_id && options_.refuse_unknown_fields && !options_.id_name.empty()) {
      out_.raw_member(options_.id_name, "{}");
    }
    out_.close('}');
    if (!required.empty()) strings("required", required);
    // Additional properties are allowed unless it says otherwise.
    if (options_.refuse_unknown_fields) out_.raw_member("additionalProperties", "false");
  }

  void member(field_node const& field) {
    bool const alone = field.description.empty() && field.otherwise.empty();
    if (field.type.form == type_form::named && alone) return reference(field.type.entry);
    out_.open('{');
    if (!field.description.empty()) out_.member("description", field.description);
    if (!field.otherwise.empty()) out_.raw_member("default", field.otherwise);
    words(field.type);
    out_.close('}');
  }

  void number(std::string_view name, type_node const& type) {
    out_.member("type", name);
    if (!type.minimum.empty()) out_.raw_member("minimum", type.minimum);
    if (!type.maximum.empty()) out_.raw_member("maximum", type.maximum);
    if (type.multiple_of != 1) out_.raw_member("multipleOf", std::to_string(type.multiple_of));
  }

  void sizes(std::string_view least, std::string_view most, type_node const& type) {
    if (type.min_size) out_.raw_member(least, std::to_string(*type.min_size));
    if (type.max_size) out_.raw_member(most, std::to_string(*type.max_size));
  }

  void strings(std::string_view name, std::vector<std::string_view> const& texts) {
    std::string list = "[";
    for (std::string_view const text : texts) {
      if (list.size() != 1) list += ", ";
      list += json_string(text);
    }
    out_.raw_member(name, list + "]");
  }

  document_writer& out_;
  catalogue const& types_;
  std::string_view place_;
  json_options options_;
};

inline std::string schema_document(catalogue const& types, type_node const& root, json_options options) {
  document_writer out;
  schema_printer printer{out, types, "#/$defs/", options};
  out.open('{');
  out.member("$schema", "https://json-schema.org/draft/2020-12/schema");
  if (root.form == type_form::named) {
    out.member("$ref", "#/$defs/" + types.entries()[root.entry].name);
  } else {
    printer.words(root);
  }
  if (!types.entries().empty()) {
    out.key("$defs");
    out.open('{');
    for (type_entry const& entry : types.entries()) {
      out.key(entry.name);
      printer.print(entry);
    }
    out.close('}');
  }
  out.close('}');
  return out.take();
}

}  // namespace detail

/// A JSON Schema, draft 2020-12, of the texts that decode<T>() accepts; for several types, which must be
/// messages of different kinds, of those that a dispatcher of these kinds accepts. Described types are under
/// `$defs`, by their C++ names without namespaces. Unknown fields are allowed unless `options`, which are the
/// reader's, refuse them. Ends with a newline.
///
/// The reader also does what a schema cannot say. It refuses a field that stands twice, nesting beyond
/// json_options::max_depth, strings that are not Unicode, strings with escapes where T has a
/// std::string_view, an id (json_options::id_name) in messages inside others, durations in floating point
/// units that are not a whole number of the member's unit, one or two bytes beyond min_items() or max_items()
/// in base64, integers in strings and keys beyond their type or limits, and elements of a set that are the
/// same value in another spelling. It compares integers exactly, where validators tend to compare doubles.
template <class T, class... More>
std::string json_schema(json_options options = {}) {
  detail::catalogue types;
  return detail::schema_document(types, types.describe_set<T, More...>(), options);
}

/// The same for the kinds that a dispatcher has handlers for.
template <class Dispatcher>
requires detail::is_dispatcher<Dispatcher> std::string json_schema(Dispatcher const& handlers,
                                                                   json_options options = {}) {
  detail::catalogue types;
  return detail::schema_document(types, types.describe_handled(handlers), options);
}

}  // namespace kindwire
