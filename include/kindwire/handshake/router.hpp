// Paths with parameters, such as `/upload/{user}`, and what they lead to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "grammar.hpp"
#include "percent.hpp"
#include "request.hpp"

namespace kindwire {

/// Finds the Target of a path.
///
/// A pattern is a path of literal segments and `{name}`s: `/`, `/chat`, `/upload/{user}`. A `{name}` matches
/// one segment that is not empty, `.` or `..`. A literal segment is compared with the decoded segment of the
/// path, and comes before a `{name}` at the same place. A trailing slash is significant. Paths are split
/// before they are decoded, so `%2F` never separates segments; a path with a broken `%` or an encoded NUL
/// matches nothing. Pointers to targets stay valid as long as the router lives. Matching is thread safe,
/// adding is not.
template <class Target>
class router {
 public:
  /// The matching target and its parameters. Converts to false without a match.
  struct match_result {
    Target const* target = nullptr;
    path_parameters parameters;

    explicit operator bool() const noexcept { return target != nullptr; }
  };

  /// Adds a route. Error: error::invalid_argument, with nothing added, for a malformed pattern, or one that
  /// matches the same paths as an earlier one.
  [[nodiscard]] std::error_code add(std::string_view pattern, Target target) {
    std::optional<std::vector<segment>> const segments = split_pattern(pattern);
    if (!segments || contains(*segments)) return error::invalid_argument;
    node* at = &root_;
    std::vector<std::string> names;
    for (segment const& each : *segments) {
      if (each.is_parameter) names.emplace_back(each.text);
      at = each.is_parameter ? parameter_of(*at) : literal_of(*at, each.text);
    }
    at->leaf = std::make_unique<route>(route{std::move(target), std::move(names)});
    return {};
  }

  /// The route of `path`, which begins with `/` and has no query (see request::path()). Takes time linear in
  /// the size of the path and the number of routes at most.
  match_result match(std::string_view path) const {
    if (!path.starts_with('/')) return {};
    std::vector<std::string> segments;
    bool valid = true;
    for_each_segment(path, [&](std::string_view encoded) {
      std::optional<std::string> decoded = percent_decode(encoded);
      valid = valid && decoded && decoded->find('\0') == std::string::npos;
      if (valid) segments.push_back(std::move(*decoded));
    });
    std::vector<std::size_t> taken;
    route const* const found = valid ? find(root_, segments, 0, taken) : nullptr;
    if (found == nullptr) return {};
    match_result result{&found->target, {}};
    for (std::size_t i = 0; i < taken.size(); ++i) {
      result.parameters.emplace_back(found->names[i], std::move(segments[taken[i]]));
    }
    return result;
  }

 private:
  struct segment {
    std::string_view text;
    bool is_parameter;
  };
  struct route {
    Target target;
    std::vector<std::string> names;
  };
  struct node {
    std::map<std::string, std::unique_ptr<node>, std::less<>> literals;
    std::unique_ptr<node> parameter;
    std::unique_ptr<route> leaf;
  };

  // Nodes are added whole or not at all: without a leaf they match nothing.
  static node* parameter_of(node& at) {
    if (!at.parameter) at.parameter = std::make_unique<node>();
    return at.parameter.get();
  }
  static node* literal_of(node& at, std::string_view text) {
    auto const known = at.literals.find(text);
    if (known != at.literals.end()) return known->second.get();
    return at.literals.emplace(text, std::make_unique<node>()).first->second.get();
  }

  template <class Use>
  static void for_each_segment(std::string_view path, Use use) {
    while (!path.empty()) {
      path.remove_prefix(1);
      std::size_t const size = (std::min)(path.find('/'), path.size());
      use(path.substr(0, size));
      path.remove_prefix(size);
    }
  }

  // Only the last segment may be empty.
  static std::optional<std::vector<segment>> split_pattern(std::string_view pattern) {
    if (!pattern.starts_with('/')) return std::nullopt;
    std::vector<segment> segments;
    bool valid = true;
    for_each_segment(pattern, [&](std::string_view text) {
      valid = valid && (segments.empty() || !segments.back().text.empty());
      bool const is_parameter = text.starts_with('{') && text.ends_with('}');
      if (is_parameter) {
        text = text.substr(1, text.size() - 2);
        valid = valid && is_name(text) && !names(segments, text);
      } else {
        valid = valid && text != "." && text != ".." && text.find_first_of("{}?#") == std::string_view::npos;
      }
      segments.push_back({text, is_parameter});
    });
    if (!valid) return std::nullopt;
    return segments;
  }

  static bool is_name(std::string_view text) noexcept {
    for (char const c : text) {
      if (!detail::is_letter(c) && !detail::is_digit(c) && c != '_' && c != '-') return false;
    }
    return !text.empty();
  }

  static bool names(std::vector<segment> const& segments, std::string_view name) noexcept {
    return std::any_of(segments.begin(), segments.end(),
                       [&](segment const& each) { return each.is_parameter && each.text == name; });
  }

  bool contains(std::vector<segment> const& segments) const noexcept {
    node const* at = &root_;
    for (segment const& each : segments) {
      if (each.is_parameter) {
        at = at->parameter.get();
      } else {
        auto const next = at->literals.find(each.text);
        at = next == at->literals.end() ? nullptr : next->second.get();
      }
      if (at == nullptr) return false;
    }
    return at->leaf != nullptr;
  }

  // Backtracks if a literal led nowhere. No node is visited twice, since only one path leads to each.
  static route const* find(node const& at, std::vector<std::string> const& segments, std::size_t index,
                           std::vector<std::size_t>& taken) {
    if (index == segments.size()) return at.leaf.get();
    std::string const& segment_text = segments[index];
    if (auto const next = at.literals.find(segment_text); next != at.literals.end()) {
      if (route const* const found = find(*next->second, segments, index + 1, taken)) return found;
    }
    if (!at.parameter || segment_text.empty() || segment_text == "." || segment_text == "..") return nullptr;
    taken.push_back(index);
    if (route const* const found = find(*at.parameter, segments, index + 1, taken)) return found;
    taken.pop_back();
    return nullptr;
  }

  node root_;
};

}  // namespace kindwire
