// The name of a C++ type in its program, for documents, which need one.
#pragma once

#include "../requirements.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace kindwire::detail {

// The compiler's name of T, with namespaces and template arguments.
template <class T>
constexpr std::string_view full_type_name() noexcept {
#if defined(_MSC_VER) && !defined(__clang__)
  std::string_view text = __FUNCSIG__;
  text.remove_prefix(text.find("full_type_name<") + 15);
  text = text.substr(0, text.rfind(">("));
  if (text.starts_with("struct ") || text.starts_with("class ")) text.remove_prefix(text.find(' ') + 1);
  return text.starts_with("enum ") ? text.substr(5) : text;
#else
  // g++: `… [with T = {anonymous}::item; std::string_view = …]`, clang: `… [T = (anonymous namespace)::item]`
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  std::size_t const end = text.find(';');
  return text.substr(0, end == std::string_view::npos ? text.rfind(']') : end);
#endif
}

// Letters, digits and single underscores: needs no escaping in a JSON Pointer, a URI, or a key of AsyncAPI's
// components.
inline std::string plain_name(std::string_view text) {
  std::string out;
  for (char const letter : text) {
    bool const plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9');
    if (plain) {
      out += letter;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (out.ends_with('_')) out.pop_back();
  return out.empty() ? "unnamed" : out;
}

// `uploads::page<int>` is `page_int`.
inline std::string short_type_name(std::string_view full) {
  std::size_t from = 0;
  int depth = 0;
  for (std::size_t at = 0; at + 1 < full.size(); ++at) {
    char const letter = full[at];
    if (letter == '<' || letter == '(') ++depth;
    if (letter == '>' || letter == ')') --depth;
    if (depth == 0 && letter == ':' && full[at + 1] == ':') from = at + 2;
  }
  return plain_name(full.substr(from));
}

// `upload_progress` is `UploadProgress`, as TypeScript's users write the names of types.
inline std::string pascal_case(std::string_view plain) {
  std::string out;
  bool upper = true;
  for (char const letter : plain) {
    if (letter == '_') {
      upper = true;
      continue;
    }
    bool const lower = letter >= 'a' && letter <= 'z';
    out += upper && lower ? static_cast<char>(letter - 'a' + 'A') : letter;
    upper = false;
  }
  if (out.empty() || (out.front() >= '0' && out.front() <= '9')) out.insert(0, "T");
  return out;
}

// `name`, or `name_2` and so on if that is taken.
template <class Names>
std::string unused_name(std::string const& name, Names const& taken) {
  std::string out = name;
  for (unsigned number = 2; taken.contains(out); ++number) out = name + '_' + std::to_string(number);
  return out;
}

}  // namespace kindwire::detail
