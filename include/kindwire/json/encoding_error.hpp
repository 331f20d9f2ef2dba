// Why a value could not be encoded, as a std::error_code: functions that send have no room for more.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "error.hpp"

namespace kindwire {

namespace detail {

// A code is a json_errc and a number under which its text is kept. Only the last few texts are kept, as
// errors are rare and logged soon, if at all. An older code still says what is wrong, but no longer where.
class encoding_category_type final : public std::error_category {
 public:
  char const* name() const noexcept override { return "kindwire.encoding"; }

  std::string message(int value) const override {
    std::lock_guard const lock(mutex_);
    kept const& one = slot_of(value);
    return one.value == value ? one.text : describe(code_of(value));
  }

  // The same as the json_errc.
  std::error_condition default_error_condition(int value) const noexcept override {
    return {static_cast<int>(code_of(value)), json_category()};
  }

  std::error_code keep(json_errc code, std::string text) const {
    std::lock_guard const lock(mutex_);
    last_ = last_ == most ? 1 : last_ + 1;
    int const value = last_ * codes + static_cast<int>(code);
    slot_of(value) = {value, std::move(text)};
    return {value, *this};
  }

 private:
  static constexpr int codes = 256;
  static constexpr int most = 0x7FFFFF;

  struct kept {
    int value = 0;
    std::string text{};
  };

  static json_errc code_of(int value) noexcept { return static_cast<json_errc>(value % codes); }
  kept& slot_of(int value) const noexcept {
    return kept_[static_cast<std::size_t>(value / codes) % kept_.size()];
  }

  mutable std::mutex mutex_;
  mutable int last_ = 0;
  mutable std::array<kept, 32> kept_;
};

}  // namespace detail

/// The category of the errors of `ws.send(value)`, and of other functions that send one, if the value cannot
/// be encoded. message() tells the kind, the field and the reason for the program's last 32 errors, and the
/// reason alone for older ones. They compare equal to the error_condition of a json_errc:
///
///     if (failure == std::error_condition(static_cast<int>(kw::json_errc::not_finite), kw::json_category()))
///
/// Thread safe.
inline std::error_category const& encoding_category() noexcept {
  // Never destroyed: another thread may still ask when the program ends.
  alignas(detail::encoding_category_type) static std::byte room[sizeof(detail::encoding_category_type)];
  static auto const* const category = new (room) detail::encoding_category_type;
  return *category;
}

namespace detail {

/// `UPLOAD_PROGRESS: field "value": number that is not finite`
inline std::error_code encoding_error(std::string_view kind, json_error const& error) {
  std::string text;
  if (!kind.empty()) {
    append_printable(text, kind);
    text += ": ";
  }
  text += error.message();
  return static_cast<encoding_category_type const&>(encoding_category()).keep(error.code, std::move(text));
}

}  // namespace detail
}  // namespace kindwire
