// What is compressed: JSON such as servers send, and what is compressed already.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <kindwire/frame/encoder.hpp>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parties.hpp"

namespace bench {

/// An array of records, a line each: names repeat, values do not. The last record's note fills up to `size`.
class json_source {
 public:
  std::string message(std::size_t size) {
    std::string text = "[";
    while (text.size() + 220 < size) {
      if (text.size() > 1) text += ",\n";
      record(text);
      text += '}';
    }
    if (text.size() > 1) text.resize(text.size() - 1);
    text += text.size() > 1 ? R"(,"note":")" : R"({"note":")";
    while (text.size() + 3 < size) {
      std::string_view const next = pick(words);
      text.append(next.substr(0, size - 3 - text.size()));
      if (text.size() + 3 < size) text += ' ';
    }
    return text += "\"}]";
  }

 private:
  static constexpr std::string_view words[] = {
      "upload",  "finished", "after",    "three",   "attempts", "because", "the",    "connection",
      "was",     "lost",     "while",    "writing", "chunk",    "to",      "disk",   "and",
      "resumed", "from",     "last",     "known",   "offset",   "by",      "client", "with",
      "another", "address",  "accepted", "without", "error",    "again"};
  static constexpr std::string_view cities[] = {"Lisbon", "Oslo", "Nairobi", "Lima",
                                                "Hanoi",  "Graz", "Perth"};
  static constexpr std::string_view states[] = {"queued", "running", "finished", "failed"};

  template <std::size_t Size>
  std::string_view pick(std::string_view const (&from)[Size]) {
    return from[source_() % Size];
  }
  std::string number(std::uint64_t below) { return std::to_string(source_() % below); }
  std::string hexadecimal(std::size_t digits) {
    std::string text;
    while (text.size() < digits) text += "0123456789abcdef"[source_() % 16];
    return text;
  }

  void record(std::string& to) {
    to += R"({"kind":"UPLOAD_PROGRESS","id":")" + hexadecimal(16) + R"(","time":"2026-11-)" +
          std::to_string(10 + source_() % 20) + "T" + std::to_string(10 + source_() % 14) + ":" +
          std::to_string(10 + source_() % 50) + ":" + std::to_string(10 + source_() % 50) + "." +
          number(1000) + R"(Z","state":")" + std::string(pick(states)) + R"(","city":")" +
          std::string(pick(cities)) + R"(","bytes":)" + number(1u << 30) + R"(,"rate":)" + number(1000) +
          "." + number(100) + R"(,"user":")" + std::string(pick(words)) + number(10000) + R"(","tags":[")" +
          std::string(pick(words)) + R"(",")" + std::string(pick(words)) + "\"]";
  }

  std::mt19937_64 source_{20240229};
};

/// Bytes as a picture or an archive has them: JSON, compressed as far as zlib can.
inline std::string compressed_already(std::size_t size) {
  json_source json;
  std::string result;
  while (result.size() < size) {
    std::string const text = json.message(std::size_t{1} << 20);
    std::string archive(compressBound(text.size()), '\0');
    uLongf length = archive.size();
    compress2(reinterpret_cast<Bytef*>(archive.data()), &length, reinterpret_cast<Bytef const*>(text.data()),
              text.size(), 9);
    result.append(archive, 0, length);
  }
  result.resize(size);
  return result;
}

/// Messages of one size, and each as the payload of a compressed message that a client sends.
struct compressed_input {
  std::string payloads;                 // one behind the other
  std::vector<unsigned char> wire;      // masked frames with RSV1 set
  std::vector<std::string> compressed;  // each with the 00 00 FF FF that is not on the wire (§7.2.2)
  std::size_t messages = 0;
  delivered expected;

  compressed_input(std::string all, std::size_t size, agreement const& on) : payloads(std::move(all)) {
    z_stream stream{};
    deflateInit2(&stream, on.level, Z_DEFLATED, -15, on.memory_level, Z_DEFAULT_STRATEGY);
    for (std::size_t at = 0; at + size <= payloads.size(); at += size) {
      std::string room(size + size / 8 + 1024, '\0');
      stream.next_in = reinterpret_cast<Bytef*>(payloads.data() + at);
      stream.avail_in = static_cast<uInt>(size);
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      deflate(&stream, Z_SYNC_FLUSH);
      room.resize(room.size() - stream.avail_out);
      add_frame(std::string_view(room).substr(0, room.size() - 4), on.text);
      expected.add(reinterpret_cast<unsigned char const*>(payloads.data()) + at, size);
      compressed.push_back(std::move(room));
      ++messages;
      if (!on.context_takeover) deflateReset(&stream);
    }
    deflateEnd(&stream);
  }

  bytes all() const { return {reinterpret_cast<unsigned char const*>(payloads.data()), payloads.size()}; }
  bytes frames() const { return {wire.data(), wire.size()}; }

 private:
  void add_frame(std::string_view payload, bool text) {
    constexpr kindwire::basic_frame_encoder client{kindwire::role::client};
    constexpr std::uint8_t compressed_bit = 0x40;
    auto const type = text ? kindwire::opcode::text : kindwire::opcode::binary;
    std::size_t const before = wire.size();
    wire.resize(before + client.size(payload.size()));
    client.write(reinterpret_cast<std::byte*>(wire.data() + before), type, std::as_bytes(std::span(payload)),
                 true, compressed_bit);
  }
};

}  // namespace bench
