// What is sent in memory: messages of each kind and size, as frames of a client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <kindwire/session.hpp>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parties.hpp"

namespace bench {

// Enough of each to leave the first cache, little enough to stay in the second: a socket's bytes are fresh
// from the kernel's copy.
inline constexpr std::size_t working_set = 256 << 10;
// Mixed text decides branches by its bytes, and a predictor learns what it sees again: so it is long, and
// comes again only after many megabytes.
inline constexpr std::size_t fresh_text = std::size_t{24} << 20;

inline std::mt19937_64 random_source(20240229);

inline std::string binary(std::size_t size) {
  std::string text(size, '\0');
  for (char& each : text) each = static_cast<char>(random_source());
  return text;
}

inline std::string ascii(std::size_t size) {
  std::string text(size, '\0');
  for (char& each : text) each = static_cast<char>(' ' + random_source() % 95);
  return text;
}

// Characters of one to four bytes, each length as likely as the others.
inline std::string mixed(std::size_t size) {
  std::string text;
  text.reserve(size + 4);
  while (text.size() < size) {
    auto const bits = random_source();
    std::size_t const left = size - text.size();
    auto const lead = [&](std::uint64_t value) { text += static_cast<char>(value); };
    auto const tail = [&](unsigned shift) { text += static_cast<char>(0x80 | ((bits >> shift) & 0x3f)); };
    switch (std::min<std::size_t>(left, 1 + bits % 4)) {
      case 1: lead(' ' + (bits >> 8) % 95); break;
      case 2: lead(0xc2 + (bits >> 8) % 30), tail(16); break;
      case 3: lead(0xe1 + (bits >> 8) % 12), tail(16), tail(24); break;  // e1 to ec: any two may follow
      default: lead(0xf1 + (bits >> 8) % 3), tail(16), tail(24), tail(32);
    }
  }
  return text;
}

struct input {
  std::vector<unsigned char> wire;
  std::size_t messages = 0;
  delivered expected;

  bytes all() const { return {wire.data(), wire.size()}; }

  // Whole messages, as a client sends them: masked with keys of the strong source.
  void add(kindwire::message_type type, std::string const& payload) {
    add_frame(type, payload, true);
    finish(payload);
  }

  void add_frame(kindwire::message_type type, std::string_view payload, bool fin) {
    if (client_.send(type, std::as_bytes(std::span(payload)), fin)) give_up("cannot make the input");
    auto const frame = client_.output();
    auto const* const data = reinterpret_cast<unsigned char const*>(frame.data());
    wire.insert(wire.end(), data, data + frame.size());
    client_.consume(frame.size());
  }
  void finish(std::string_view payload) {
    ++messages;
    expected.add(reinterpret_cast<unsigned char const*>(payload.data()), payload.size());
  }

 private:
  kindwire::session client_{kindwire::role::client};
};

inline input messages_of(std::string_view kind, std::size_t size) {
  input result;
  auto const type = kind == "binary" ? kindwire::message_type::binary : kindwire::message_type::text;
  std::size_t const enough = kind == "mixed" ? fresh_text : working_set;
  while (result.expected.size < enough) {
    result.add(type, kind == "binary" ? binary(size) : kind == "ascii" ? ascii(size) : mixed(size));
  }
  return result;
}

/// One contender for each party that `wanted` says: it takes the whole input again and again. Each must
/// deliver what was sent.
template <class Wanted>
std::vector<contender> receiving(input const& from, std::size_t largest, std::string const& name,
                                 Wanted wanted) {
  std::vector<contender> contenders;
  for (auto const& [party, make] : receivers::all()) {
    if (!wanted(party)) continue;
    std::shared_ptr<receiver> const each = make(largest);
    each->receive(from.all(), from.messages);
    if (party != "limit" && !(each->got == from.expected))
      give_up(party + " delivers something else: " + name);
    contenders.push_back({party, [&from, each] { each->receive(from.all(), from.messages); }});
  }
  return contenders;
}

}  // namespace bench
