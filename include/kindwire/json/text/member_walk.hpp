// The members of an object, one after the other.
#pragma once

#include <string_view>

#include "scanner.hpp"

namespace kindwire::detail {

/// Goes over the members of the object that the scanner has entered. The caller passes each value.
class member_walk {
 public:
  /// `begins`: the first member comes next; otherwise some have been passed.
  explicit member_walk(json_scanner& scanner, bool begins = true) noexcept
      : scanner_(scanner), begins_(begins) {}

  /// Goes to the next member, and passes its name and the colon. False at the object's end, which is passed,
  /// and after an error.
  bool next() {
    is_first_ = begins_;
    bool more = false;
    failed_ = !scanner_.next('}', begins_, more);
    if (failed_ || !more) return false;
    at_ = scanner_.position();
    failed_ = !scanner_.key(name_);
    return !failed_;
  }

  bool failed() const noexcept { return failed_; }

  /// Of the member at hand. The name is valid until the scanner's next name or string.
  std::string_view name() const noexcept { return name_; }
  char const* at() const noexcept { return at_; }
  bool is_first() const noexcept { return is_first_; }

 private:
  json_scanner& scanner_;
  std::string_view name_;
  char const* at_ = nullptr;
  bool begins_;
  bool is_first_ = false;
  bool failed_ = false;
};

}  // namespace kindwire::detail
