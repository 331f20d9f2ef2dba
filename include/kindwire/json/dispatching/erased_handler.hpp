// Handlers of any type behind one interface, as a dispatcher keeps them whose handlers come and go.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../error.hpp"
#include "../kind/key.hpp"
#include "../outcome.hpp"
#include "../reading/message_reader.hpp"
#include "../schema.hpp"
#include "handler.hpp"
#include "handler_set.hpp"
#include "untyped.hpp"

namespace kindwire::detail {

// A message on its way to its handler.
struct message_in_hand {
  message_reader& reader;
  std::string_view text;
  bool text_goes;  // when the call returns
  kind_key key;
  kind_place place{};
  json_error const* error = nullptr;  // for a handler of invalid_message
};

/// A handler that is called with its message and with `Arguments` as they are declared.
template <class Result, class... Arguments>
class erased_handler {
 public:
  /// A handler of a Message; `kind` is empty if that is a fallback's.
  template <class Message, class Handler>
  static std::shared_ptr<erased_handler> make(std::string_view kind, Handler&& handler) {
    static_assert(std::is_invocable_r_v<Result, Handler&, typename argument_for<Message>::type, Arguments...>,
                  "kindwire: a handler cannot be called with its message and the dispatcher's arguments, or "
                  "returns something else than the dispatcher");
    bool outlives_text = false;
    if constexpr (has_signature<Handler>) {
      static_assert(!would_dangle<Handler, Result>,
                    "kindwire: a coroutine takes its message by value: a reference would dangle at the first "
                    "co_await");
      outlives_text = would_outlive_text<Handler, Result>();
    } else if constexpr (parameters_of<Result, Message, Arguments...>::template is_coroutine<Result>) {
      outlives_text = views_text<Message>();  // it may be one
    }
    return std::make_shared<holder<Message, Handler>>(kind, outlives_text, std::move(handler));
  }

  /// A handler of a kind that has no type. A raw_message is what it takes if its signature does not tell.
  template <class Handler>
  static std::shared_ptr<erased_handler> make_untyped(std::string_view kind, Handler&& handler) {
    if constexpr (has_signature<Handler>) {
      check_untyped<Handler>();
      return make<message_of<Handler>>(kind, std::move(handler));
    } else {
      return make<raw_message>(kind, std::move(handler));
    }
  }

  virtual ~erased_handler() = default;
  erased_handler(erased_handler const&) = delete;
  erased_handler& operator=(erased_handler const&) = delete;

  std::string_view kind() const noexcept { return kind_; }

  /// Decodes the message and calls the handler, unless what it returns could look at a text that is gone by
  /// then.
  outcome<Result> decode(message_in_hand const& message, std::remove_reference_t<Arguments>&... arguments) {
    if (!message.text_goes || !outlives_text_) return decode_and_invoke(message, arguments...);
    message.reader.reject("a text, which the handler's coroutine can view");
    return message.reader.take_error();
  }

 private:
  erased_handler(std::string_view kind, bool outlives_text) : kind_(kind), outlives_text_(outlives_text) {}

  virtual outcome<Result> decode_and_invoke(message_in_hand const& message,
                                            std::remove_reference_t<Arguments>&... arguments) = 0;

  template <class Message, class Handler>
  class holder;

  std::string kind_;
  bool outlives_text_;  // what the handler returns may look at the text later
};

template <class Result, class... Arguments>
template <class Message, class Handler>
class erased_handler<Result, Arguments...>::holder final : public erased_handler {
 public:
  holder(std::string_view kind, bool outlives_text, Handler&& handler)
      : erased_handler(kind, outlives_text), handler_(std::move(handler)) {}

 private:
  using argument = typename argument_for<Message>::type;

  outcome<Result> decode_and_invoke(message_in_hand const& message,
                                    std::remove_reference_t<Arguments>&... arguments) override {
    message_reader& reader = message.reader;
    if constexpr (std::is_same_v<Message, invalid_message>) {
      return invoke(Message{*message.error, message.text}, arguments...);
    } else if constexpr (message_kind<Message>) {
      Message value{};
      if (!reader.read_rest(value, message.place)) return reader.take_error();
      return invoke(std::move(value), arguments...);
    } else {
      if (this->outlives_text_ && !reader.kind_is_in_text(message.key, message.place))
        return reader.take_error();
      untyped_parameter<Message> whole;
      if (!whole.read(reader, message.key, message.place, message.text)) return reader.take_error();
      return invoke(whole.get(), arguments...);
    }
  }

  outcome<Result> invoke(argument&& value, std::remove_reference_t<Arguments>&... arguments) {
    if constexpr (std::is_void_v<Result>) {
      handler_(static_cast<argument&&>(value), static_cast<Arguments&&>(arguments)...);
      return {};
    } else {
      return Result(handler_(static_cast<argument&&>(value), static_cast<Arguments&&>(arguments)...));
    }
  }

  Handler handler_;
};

}  // namespace kindwire::detail
