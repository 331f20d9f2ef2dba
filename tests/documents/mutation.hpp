// JSON texts that are valid for a type as its declaration says, and texts with mistakes made from them.
//
// JavaScript's view of JSON, and with it a JSON Schema's, differs from the reader's in some texts. They are
// not made here:
//   - a member that stands twice, of which JSON.parse keeps the last
//   - numbers that only as doubles are integers: 1e-400, 1.00000000000000000001
//   - integers near the bounds of 64 bits, and numbers near those of float, which doubles cannot tell apart
//   - lone surrogates, which are characters in JavaScript; nesting beyond the reader's limit
//
// 1e400 is made: JavaScript reads an infinity, which ajv refuses as long as its strictNumbers is on.
#pragma once

#include <kindwire/documents/catalogue.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <random>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace documents {

// A JSON value, its members and elements in order.
struct json_value {
  std::string token;  // as it stands in the text; empty for arrays and objects
  char bracket = 0;   // '[' or '{'
  std::vector<std::pair<std::string, json_value>> inner{};

  bool has(std::string_view name) const {
    for (auto const& each : inner) {
      if (each.first == name) return true;
    }
    return false;
  }

  void print(std::string& out) const {
    if (bracket == 0) {
      out += token;
      return;
    }
    out += bracket;
    bool first = true;
    for (auto const& [name, value] : inner) {
      if (!std::exchange(first, false)) out += ',';
      if (bracket == '{') out += kindwire::detail::json_string(name) + ':';
      value.print(out);
    }
    out += bracket == '{' ? '}' : ']';
  }
};

// What is put where something else should be. Two of a width's bounds are in here, and what is beyond them.
inline constexpr auto number_pool = std::to_array<std::string_view>({"0",
                                                                     "-0",
                                                                     "1",
                                                                     "-1",
                                                                     "2",
                                                                     "7",
                                                                     "9",
                                                                     "10",
                                                                     "11",
                                                                     "59",
                                                                     "60",
                                                                     "61",
                                                                     "99",
                                                                     "100",
                                                                     "101",
                                                                     "1000",
                                                                     "-2000",
                                                                     "1500",
                                                                     "60000",
                                                                     "60001",
                                                                     "126",
                                                                     "127",
                                                                     "128",
                                                                     "129",
                                                                     "-127",
                                                                     "-128",
                                                                     "-129",
                                                                     "255",
                                                                     "256",
                                                                     "32767",
                                                                     "32768",
                                                                     "-32768",
                                                                     "-32769",
                                                                     "65535",
                                                                     "65536",
                                                                     "2147483647",
                                                                     "2147483648",
                                                                     "-2147483648",
                                                                     "-2147483649",
                                                                     "4294967295",
                                                                     "4294967296",
                                                                     "9007199254740992",
                                                                     "-10000000000000000000",
                                                                     "10000000000000000000",
                                                                     "20000000000000000000",
                                                                     "0.5",
                                                                     "-0.5",
                                                                     "99.5",
                                                                     "100.5",
                                                                     "1e-7",
                                                                     "1e40",
                                                                     "-1e40",
                                                                     "1e400",
                                                                     "1.0",
                                                                     "-2.00",
                                                                     "0.0",
                                                                     "1e3",
                                                                     "12.50E+1",
                                                                     "6e4",
                                                                     "1270e-1"});
inline constexpr std::array<std::string_view, 15> text_pool{
    "id",
    "",
    "a",
    "LEFT",
    "RIGHT",
    "left",
    "EMPTY",
    "TREE",
    "NUMBERS",
    "kind",
    "null",
    "x\"\\\n\x01",
    "größe",
    "\xF0\x9F\x90\x8E",
    "\xF0\x9F\x90\x8E\xF0\x9F\x90\x8E and a text that is somewhat longer"};

class generator {
 public:
  generator(kindwire::detail::catalogue const& types, unsigned seed) : types_(types), random_(seed) {}

  std::size_t up_to(std::size_t most) { return random_() % (most + 1); }
  bool one_in(std::size_t count) { return up_to(count - 1) == 0; }

  using member = std::pair<std::string, json_value>;

  member& pick(std::vector<member>& members) { return members[up_to(members.size() - 1)]; }

  // As the declaration says. `depth`: how many levels of lists may follow.
  json_value valid(kindwire::detail::type_entry const& entry, unsigned depth) {
    if (entry.is_enumeration) return text(entry.enumerators[up_to(entry.enumerators.size() - 1)]);
    json_value object{{}, '{'};
    if (!entry.key.empty()) object.inner.emplace_back(entry.key, text(entry.kind));
    for (auto const& field : entry.fields) {
      bool const optional = field.type.form == kindwire::detail::type_form::optional;
      if ((!field.required || optional) && (depth == 0 || one_in(3))) continue;
      object.inner.emplace_back(field.name, valid(field.type, depth));
    }
    // The kind may stand anywhere.
    if (!object.inner.empty() && one_in(3)) std::swap(object.inner.front(), pick(object.inner));
    return object;
  }

  // One mistake, or what looks like one.
  void mutate(json_value& whole) {
    std::vector<json_value*> all;
    collect(whole, all);
    json_value& at = *all[up_to(all.size() - 1)];
    switch (up_to(7)) {
      case 0:
      case 1: at = anything(2); break;
      case 2:
        if (!at.inner.empty())
          at.inner.erase(at.inner.begin() + static_cast<std::ptrdiff_t>(up_to(at.inner.size() - 1)));
        break;
      case 3:
        if (at.bracket == '{') {
          add(at, one_in(2) ? "unknown" : text_pool[up_to(text_pool.size() - 1)], anything(2));
        } else if (at.bracket == '[') {
          at.inner.emplace_back("", at.inner.empty() || one_in(2) ? anything(1) : pick(at.inner).second);
        }
        break;
      case 4:
        if (at.bracket == '{' && !at.inner.empty()) {
          std::string& name = pick(at.inner).first;
          std::string changed = name;
          changed += one_in(2) ? "x" : "";
          if (!changed.empty()) changed[0] = static_cast<char>(changed[0] ^ (one_in(2) ? 0x20 : 0));
          if (static_cast<unsigned char>(changed[0]) < 0x80 && !at.has(changed)) name = changed;
        }
        break;
      case 5:
        if (is_text(at)) {
          at = text(text_pool[up_to(text_pool.size() - 1)]);
        } else if (at.bracket == 0 && at.token.find_first_of("0123456789") != std::string::npos) {
          at.token = number_pool[up_to(number_pool.size() - 1)];
        } else if (at.bracket == '{') {
          add(at, "kind", text("TREE"));
        }
        break;
      case 6: {
        json_value const copy = *all[up_to(all.size() - 1)];
        at = copy;
        break;
      }
      default: at = {"null"};
    }
  }

  static json_value text(std::string_view value) { return {kindwire::detail::json_string(value)}; }

 private:
  static bool is_text(json_value const& value) { return value.token.starts_with('"'); }

  void add(json_value& object, std::string_view name, json_value value) {
    if (object.has(name)) return;
    auto const place = object.inner.begin() + static_cast<std::ptrdiff_t>(up_to(object.inner.size()));
    object.inner.emplace(place, name, std::move(value));
  }

  static void collect(json_value& value, std::vector<json_value*>& all) {
    all.push_back(&value);
    for (auto& each : value.inner) collect(each.second, all);
  }

  json_value anything(unsigned depth) {
    switch (up_to(depth == 0 ? 3 : 5)) {
      case 0: return {"null"};
      case 1: return {one_in(2) ? "true" : "false"};
      case 2: return {std::string{number_pool[up_to(number_pool.size() - 1)]}};
      case 3: return text(text_pool[up_to(text_pool.size() - 1)]);
      default: break;
    }
    json_value value{{}, one_in(2) ? '[' : '{'};
    for (std::size_t left = up_to(2); left != 0; --left) {
      std::string const name = value.bracket == '{' ? std::string(left, 'x') : "";
      value.inner.emplace_back(name, anything(depth - 1));
    }
    return value;
  }

  json_value valid(kindwire::detail::type_node const& type, unsigned depth) {
    using form = kindwire::detail::type_form;
    switch (type.form) {
      case form::anything:
      case form::verbatim: return anything(2);
      case form::boolean: return {one_in(2) ? "true" : "false"};
      case form::integer:
      case form::floating: return {number(type)};
      case form::string: return text(string(type));
      case form::with_id: return valid(type.inner[0], depth);
      case form::optional: return one_in(4) ? json_value{"null"} : valid(type.inner[0], depth);
      case form::named: return valid(types_.entries()[type.entry], depth == 0 ? 0 : depth - 1);
      case form::one_of: return valid(type.inner[up_to(type.inner.size() - 1)], depth);
      case form::constant:
      case form::numbers: return {type.numbers[up_to(type.numbers.size() - 1)]};
      case form::others: {
        json_value other{{}, '{'};
        if (one_in(2)) other.inner.emplace_back("children", anything(2));
        other.inner.emplace_back(type.key, text("OTHER"));
        return other;
      }
      case form::tuple: {
        json_value tuple{{}, '['};
        for (auto const& each : type.inner)
          tuple.inner.emplace_back("", valid(each, depth == 0 ? 0 : depth - 1));
        return tuple;
      }
      case form::list:
      case form::map: break;
    }
    json_value list{{}, type.form == form::list ? '[' : '{'};
    std::size_t const least = type.min_size.value_or(0);
    std::size_t const most = type.max_size.value_or(least + 2);
    std::size_t const size = depth == 0 ? least : least + up_to(most - least);
    for (std::size_t index = 0; index != size; ++index) {
      std::string name = index == 0 && one_in(2) ? "kind" : "k" + std::to_string(index);
      list.inner.emplace_back(list.bracket == '{' ? std::move(name) : "",
                              valid(type.inner[0], depth == 0 ? 0 : depth - 1));
    }
    return list;
  }

  static double as_double(std::string_view token) {
    double value = 0;
    std::from_chars(token.data(), token.data() + token.size(), value);
    return value;
  }

  std::string number(kindwire::detail::type_node const& type) {
    bool const integer = type.form == kindwire::detail::type_form::integer;
    for (unsigned attempt = 0; attempt != 200; ++attempt) {
      std::string_view const token = number_pool[up_to(number_pool.size() - 1)];
      if (token == "1e400") continue;
      double const value = as_double(token);
      if (!type.minimum.empty() && value < as_double(type.minimum)) continue;
      if (!type.maximum.empty() && value > as_double(type.maximum)) continue;
      if (integer && std::fmod(value, static_cast<double>(type.multiple_of)) != 0) continue;
      return std::string{token};
    }
    return type.minimum.empty() ? type.maximum : type.minimum;
  }

  // Of as many bytes as the pattern allows, which says how many if that is one number.
  std::string bytes(kindwire::detail::type_node const& type) {
    using how = kindwire::detail::byte_spelling;
    std::string out;
    auto const put = [&](std::string_view piece) { out += piece; };
    for (unsigned attempt = 0; attempt != 1000; ++attempt) {
      std::string const value(up_to(9), static_cast<char>(up_to(255)));
      out.clear();
      if (type.encoding == "base16") kindwire::detail::write_bytes<how::hex>(value.data(), value.size(), put);
      if (type.encoding == "base64")
        kindwire::detail::write_bytes<how::base64>(value.data(), value.size(), put);
      if (type.encoding == "base64url")
        kindwire::detail::write_bytes<how::base64url>(value.data(), value.size(), put);
      if (out.size() >= type.min_size.value_or(0) && out.size() <= type.max_size.value_or(1000) &&
          std::regex_match(out, std::regex{type.pattern}))
        break;
    }
    return out;
  }

  std::string string(kindwire::detail::type_node const& type) {
    if (!type.encoding.empty()) return bytes(type);
    std::size_t const least = type.min_size.value_or(0);
    std::size_t const most = type.max_size.value_or(1000);
    for (unsigned attempt = 0; attempt != 50; ++attempt) {
      std::string_view const chosen = text_pool[up_to(text_pool.size() - 1)];
      std::size_t points = 0;
      for (char const letter : chosen)
        points += (static_cast<unsigned char>(letter) & 0xC0) != 0x80 ? 1U : 0U;
      if (points >= least && points <= most) return std::string{chosen};
    }
    return std::string(least, 'a');
  }

  kindwire::detail::catalogue const& types_;
  std::mt19937_64 random_;
};

}  // namespace documents
