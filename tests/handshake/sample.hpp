// A valid opening handshake to make invalid ones from, and a server that says how it answers them.
#pragma once

#include <cstddef>
#include <cstring>
#include <kindwire/handshake/server.hpp>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sample {

namespace kw = kindwire;

/// The request of RFC 6455 §1.3, a field a line.
struct upgrade {
  std::string line = "GET /chat HTTP/1.1";
  std::vector<std::string> fields = {
      "Host: server.example.com", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"};

  upgrade with(std::string field) const {
    upgrade copy = *this;
    copy.fields.push_back(std::move(field));
    return copy;
  }
  upgrade without(std::string_view name) const {
    upgrade copy = *this;
    std::erase_if(copy.fields, [&](std::string const& field) {
      return field.starts_with(name) && field.substr(name.size()).starts_with(':');
    });
    return copy;
  }
  /// The field of that name with another value.
  upgrade with(std::string const& name, std::string const& value) const {
    return without(name).with(name + ": " + value);
  }
  upgrade asking(std::string other_line) const {
    upgrade copy = *this;
    copy.line = std::move(other_line);
    return copy;
  }

  std::string text() const {
    std::string result = line + "\r\n";
    for (std::string const& field : fields) result += field + "\r\n";
    return result + "\r\n";
  }
};

/// Anything with prepare() and commit() is given `text`, `size` bytes at a time.
template <class Reader>
void feed(Reader& reader, std::string_view text, std::size_t size = SIZE_MAX) {
  while (!text.empty()) {
    std::string_view const piece = text.substr(0, size);
    std::memcpy(reader.prepare(piece.size()).data(), piece.data(), piece.size());
    reader.commit(piece.size());
    text.remove_prefix(piece.size());
  }
}

/// What a server with one WebSocket endpoint does: 101 or the status of its refusal, 0 while it waits for
/// more.
struct outcome {
  unsigned status = 0;
  std::error_code error = {};
  std::string wire = {};  ///< what it writes

  bool writes(std::string_view part) const { return wire.find(part) != std::string::npos; }
};

inline outcome serve(std::string_view text, kw::origin_options const& origins = {}) {
  kw::server_handshake handshake;
  feed(handshake, text);
  outcome result;
  if (handshake.status() == kw::handshake_status::reading) return result;
  if (handshake.status() == kw::handshake_status::failed) {
    kw::response const answer = handshake.error_response();
    result.error = handshake.error();
    result.status = answer.status;
    if (kw::write_response(answer, result.wire)) result.status = 999;
    return result;
  }
  if (auto const refused = kw::check_upgrade(handshake.request(), origins)) {
    result.error = refused->error;
    result.status = refused->answer.status;
    if (kw::write_response(refused->answer, result.wire)) result.status = 999;
    return result;
  }
  result.status = 101;
  if (kw::write_accept(handshake.request(), {}, result.wire)) result.status = 999;
  return result;
}
inline outcome serve(upgrade const& head, kw::origin_options const& origins = {}) {
  return serve(head.text(), origins);
}

inline kw::request parsed(std::string_view text) {
  kw::request result;
  if (kw::request::parse(text, result)) return {};
  return result;
}
inline kw::request parsed(upgrade const& head) { return parsed(head.text()); }

/// `text` with up to eight changes of the kind that break parsers. The same for the same generator.
inline std::string mutated(std::string text, std::mt19937& random) {
  static constexpr char characters[] = "\r\n\0 \t:,;=\"\\/?#%\x7f\x80\xff{}[]a1\r";
  constexpr std::string_view awkward{characters, sizeof characters - 1};
  auto const below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (std::size_t changes = 1 + below(8); changes != 0; --changes) {
    std::size_t const at = below(text.size() + 1);
    char const c = awkward[below(awkward.size())];
    switch (below(6)) {
      case 0:
        if (at < text.size()) text[at] = c;
        break;
      case 1: text.insert(at, 1, c); break;
      case 2: text.erase(at, 1 + below(4)); break;
      case 3: text.insert(at, text.substr(below(text.size() + 1), below(24))); break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 5: text.insert(at, below(40), c); break;
    }
  }
  return text;
}

}  // namespace sample
