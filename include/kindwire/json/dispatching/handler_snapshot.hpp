// The handlers of one moment, of a dispatcher whose handlers come and go.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "erased_handler.hpp"

namespace kindwire::detail {

/// What a call sees from its beginning to its end: once it is published it is never changed, only replaced.
template <class Result, class... Arguments>
class handler_snapshot {
 public:
  using handle = std::shared_ptr<erased_handler<Result, Arguments...>>;

  // Fallbacks; null without one.
  handle unknown;
  handle invalid;

  /// Null if no handler takes the kind.
  erased_handler<Result, Arguments...>* find(std::string_view kind) const noexcept {
    auto const found = by_kind_.find(kind);
    return found == by_kind_.end() ? nullptr : found->second;
  }

  /// The kinds that have a handler, in the order in which they were added.
  std::vector<std::string_view> const& kinds() const noexcept { return kinds_; }

  /// A copy in which `fresh` takes this kind, in the place of the handler that does now; none does if it is
  /// null.
  std::shared_ptr<handler_snapshot> with(std::string_view kind, handle const& fresh) const {
    auto copy = std::make_shared<handler_snapshot>();
    copy->unknown = unknown;
    copy->invalid = invalid;
    for (handle const& each : handlers_) copy->append(each->kind() == kind ? fresh : each);
    if (find(kind) == nullptr) copy->append(fresh);
    return copy;
  }

 private:
  void append(handle const& handler) {
    if (handler == nullptr) return;
    handlers_.push_back(handler);
    kinds_.push_back(handler->kind());
    by_kind_.emplace(handler->kind(), handler.get());
  }

  std::vector<handle> handlers_;
  std::vector<std::string_view> kinds_;
  std::unordered_map<std::string_view, erased_handler<Result, Arguments...>*> by_kind_;
};

}  // namespace kindwire::detail
