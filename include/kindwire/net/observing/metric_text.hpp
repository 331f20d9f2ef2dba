// Prometheus' text format, version 0.0.4.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "../../frame/escaped.hpp"
#include "../../message/utf8.hpp"

namespace kindwire::net::detail {

constexpr bool is_metric_name(std::string_view name) noexcept {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (char const each : name) {
    bool const letter = (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z');
    bool const digit = each >= '0' && each <= '9';
    if (!letter && !digit && each != '_' && each != ':') return false;
  }
  return true;
}

// Backslashes and line feeds, and in labels quotation marks. A text that is not UTF-8 would spoil the whole
// page.
inline void append_metric_text(std::string& out, std::string_view text, bool in_label) {
  std::string const printable = is_utf8(text) ? std::string(text) : kindwire::detail::escaped(text);
  for (char const each : printable) {
    if (each == '\\' || (in_label && each == '"')) {
      (out += '\\') += each;
    } else if (each == '\n') {
      out += "\\n";
    } else {
      out += each;
    }
  }
}

struct metric_label {
  std::string_view name;
  std::string_view value;  // one that is empty is left out, which means the same
};

class metric_text {
 public:
  // `type` is counter, gauge or histogram.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    ((text_ += "# HELP ") += name) += ' ';
    append_metric_text(text_, help, false);
    (((((text_ += "\n# TYPE ") += name) += ' ') += type) += '\n');
  }

  // Of the family; `suffix` is what a histogram puts behind its name.
  void sample(std::span<metric_label const> labels, std::string_view value, std::string_view suffix = {}) {
    (text_ += name_) += suffix;
    char before = '{';
    for (metric_label const& each : labels) {
      if (each.value.empty()) continue;
      (((text_ += before) += each.name) += "=\"");
      append_metric_text(text_, each.value, true);
      text_ += '"';
      before = ',';
    }
    if (before == ',') text_ += '}';
    ((text_ += ' ') += value) += '\n';
  }
  void sample(std::span<metric_label const> labels, std::uint64_t value, std::string_view suffix = {}) {
    sample(labels, std::string_view(std::to_string(value)), suffix);
  }

  // A family of one sample.
  void only(std::string_view name, std::string_view type, std::string_view help, std::string_view value) {
    family(name, type, help);
    sample({}, value);
  }
  void only(std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
    only(name, type, help, std::string_view(std::to_string(value)));
  }

  std::string take() noexcept { return std::move(text_); }

  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
    std::array<char, 32> room;
    auto const done = std::to_chars(room.data(), room.data() + room.size(), value);
    return {room.data(), done.ptr};
  }

 private:
  std::string text_;
  std::string_view name_;
};

}  // namespace kindwire::net::detail
