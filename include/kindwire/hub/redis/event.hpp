// What the scripts say on a channel of a topic, and how the topic looks when Redis is asked.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../backplane.hpp"
#include "reply.hpp"

namespace kindwire::detail {

template <class Number>
bool parse_redis_number(std::string_view text, Number& number) noexcept {
  auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// Views into the message that it was read from.
struct redis_event {
  enum class kind : char { plain = 'U', logged = 'L', held = 'H', released = 'R' };

  static std::optional<redis_event> parse(std::string_view text) noexcept {
    redis_event event;
    if (text.empty()) return std::nullopt;
    event.type = static_cast<kind>(text[0]);
    text.remove_prefix(1);
    bool good = event.type == kind::plain;
    if (event.type == kind::logged) {
      good = take_word(text, event.epoch) && take_number(text, event.number) && take_word(text, event.node) &&
             take_number(text, event.sequence);
    } else if (event.type == kind::held || event.type == kind::released) {
      std::size_t size = 0;
      good = take_number(text, event.before) && take_number(text, event.number) &&
             take_word(text, event.node) && take_number(text, size) && size <= text.size();
      event.name = text.substr(0, good ? size : 0);
      text.remove_prefix(event.name.size());
    }
    event.bytes = text;
    return good ? std::optional(event) : std::nullopt;
  }

  kind type = kind::plain;
  std::string_view epoch;
  std::uint64_t before = 0;    // the version of the records before this change
  std::uint64_t number = 0;    // of the message, or the version after the change
  std::string_view node;       // that has published, held or released it
  std::uint64_t sequence = 0;  // of the message, among those of the node
  std::string_view name;
  std::string_view bytes;  // or the value

  static bool take_word(std::string_view& from, std::string_view& word) noexcept {
    std::size_t const end = from.find(' ');
    if (end == from.npos) return false;
    word = from.substr(0, end);
    from.remove_prefix(end + 1);
    return true;
  }
  template <class Number>
  static bool take_number(std::string_view& from, Number& number) noexcept {
    std::string_view word;
    return take_word(from, word) && parse_redis_number(word, number);
  }
};

struct redis_snapshot {
  // Who has published a message.
  struct origin {
    std::string node;
    std::uint64_t sequence;
  };

  // Nothing if it is of another shape than redis_snapshot_script gives it. Takes its texts out of the reply.
  static std::optional<redis_snapshot> parse(redis_reply& reply) {
    redis_snapshot found;
    if (!reply.is_array_of(6)) return std::nullopt;
    auto& items = reply.items;
    bool const good = is_epoch(items[0]) && is_number(items[1], found.topic.last) &&
                      is_number(items[2], found.topic.forgotten) && is_number(items[3], found.version) &&
                      items[4].is(redis_reply::kind::array) && items[4].items.size() % 2 == 0 &&
                      items[5].is(redis_reply::kind::array) && items[5].items.size() % 3 == 0;
    if (!good) return std::nullopt;
    found.topic.epoch = std::move(items[0].text);
    std::uint64_t before = found.topic.forgotten;
    auto& kept = items[4].items;
    for (std::size_t i = 0; i != kept.size(); i += 2) {
      std::uint64_t number = 0;
      origin by;
      if (!is_place(kept[i], number, by) || !kept[i + 1].is(redis_reply::kind::string)) return std::nullopt;
      if (number <= before || number > found.topic.last) return std::nullopt;
      found.topic.kept.push_back({number, std::move(kept[i + 1].text)});
      found.origins.push_back(std::move(by));
      before = number;
    }
    auto& records = items[5].items;
    for (std::size_t i = 0; i != records.size(); i += 3) {
      for (std::size_t k = i; k != i + 3; ++k) {
        if (!records[k].is(redis_reply::kind::string)) return std::nullopt;
      }
      found.topic.records.push_back(
          {std::move(records[i].text), std::move(records[i + 1].text), std::move(records[i + 2].text)});
    }
    return found;
  }

  backplane::snapshot topic;
  std::vector<origin> origins;  // of what is kept
  std::uint64_t version = 0;

 private:
  static bool is_epoch(redis_reply const& reply) noexcept {
    return reply.is(redis_reply::kind::string) && !reply.text.empty() && reply.text.size() <= 64 &&
           reply.text.find_first_not_of("0123456789abcdef") == std::string::npos;
  }
  static bool is_number(redis_reply const& reply, std::uint64_t& number) noexcept {
    return reply.is(redis_reply::kind::string) && parse_redis_number(reply.text, number);
  }
  // "number node sequence"
  static bool is_place(redis_reply const& reply, std::uint64_t& number, origin& by) {
    std::string_view text = reply.text;
    std::string_view node;
    bool const good = reply.is(redis_reply::kind::string) && redis_event::take_number(text, number) &&
                      redis_event::take_word(text, node);
    by.node = node;
    return good && parse_redis_number(text, by.sequence);
  }
};

}  // namespace kindwire::detail
