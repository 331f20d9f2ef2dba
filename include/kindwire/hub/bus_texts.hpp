// Keys and data as text, for the other nodes of a backplane.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>

#include "../json/reader.hpp"
#include "../json/writer.hpp"
#include "../message/buffer.hpp"
#include "../net/text_encodable.hpp"

namespace kindwire::detail {

template <class T>
concept is_text = std::convertible_to<T const&, std::string_view>;

// What can be found by the text that all nodes know it by.
template <class T>
concept has_bus_text = is_text<T> ||(std::integral<T> && !std::same_as<T, bool>);

template <has_bus_text T>
std::string bus_text(T const& value) {
  if constexpr (is_text<T>) {
    return std::string(std::string_view(value));
  } else {
    return std::to_string(value);
  }
}

template <has_bus_text T>
std::optional<T> from_bus_text(std::string_view text) {
  if constexpr (is_text<T>) {
    try {
      return T(text);
    } catch (std::bad_alloc const&) {
      throw;
    } catch (...) {
      return std::nullopt;  // of a type that does not take any text
    }
  } else {
    T value{};
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  }
}

template <class Data>
std::string data_bus_text(Data const& value) {
  if constexpr (std::same_as<Data, std::monostate>) {
    return {};
  } else if constexpr (has_bus_text<Data>) {
    return bus_text(value);
  } else {
    static_assert(net::text_encodable<Data>,
                  "kindwire: with a backplane, what is known of a user is text, a number, or a struct with a "
                  "schema");
    buffer text;
    if (net::detail::encode_value(text, value)) return {};
    return std::string(reinterpret_cast<char const*>(text.bytes().data()), text.size());
  }
}

// Nothing if the text, which another node has sent, cannot be read as one.
template <class Data>
std::optional<Data> data_from_bus_text(std::string_view text) {
  if constexpr (std::same_as<Data, std::monostate>) {
    return Data{};
  } else if constexpr (has_bus_text<Data>) {
    return from_bus_text<Data>(text);
  } else {
    auto read = decode<Data>(text);
    if (!read) return std::nullopt;
    return std::move(*read);
  }
}

// Of a hub with a backplane only: what it needs is not asked of the keys and data of others.
template <class Key, class Data>
struct bus_texts {
  static_assert(has_bus_text<Key>, "kindwire: with a backplane, a user's key is text or a number");
  static_assert(!std::same_as<Key, std::string_view> && !std::same_as<Data, std::string_view>,
                "kindwire: keys and data come from other nodes, and are kept: a view of them is not enough");

  static std::string key(Key const& of) { return bus_text(of); }
  static std::optional<Key> read_key(std::string_view text) { return from_bus_text<Key>(text); }
  static std::string data(Data const& of) { return data_bus_text(of); }
  static std::optional<Data> read_data(std::string_view text) { return data_from_bus_text<Data>(text); }
};

}  // namespace kindwire::detail
