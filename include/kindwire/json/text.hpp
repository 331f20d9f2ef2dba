// The inside of a JSON string, for reader and writer alike: runs of plain ASCII, UTF-8, escapes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <rapidjson/encodings.h>
#include <rapidjson/reader.h>

#include "error.hpp"
#include "word.hpp"

namespace kindwire::detail {

#if defined(__SSE2__)
/// A bit for each of 16 bytes that is not plain ASCII in a JSON string.
inline unsigned special_bytes(char const* from) noexcept {
  __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(from));
  // Signed: what begins or continues a longer UTF-8 sequence is below zero, and so below the space.
  __m128i const marks = _mm_or_si128(
      _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
      _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
  return static_cast<unsigned>(_mm_movemask_epi8(marks));
}
#endif

/// The first byte of [position, end) that is not plain ASCII: a quotation mark, a backslash, a control
/// character (RFC 8259 §7), or the beginning of a longer UTF-8 sequence. `end` if there is none. With
/// `begin`, what stands between that and `position` may be read, too.
inline char const* skip_plain([[maybe_unused]] char const* begin, char const* position,
                              char const* end) noexcept {
#if defined(__SSE2__)
  for (; end - position >= 16; position += 16) {
    if (unsigned const marks = special_bytes(position); marks != 0) return position + std::countr_zero(marks);
  }
  if (position == end) return end;
  if (end - begin >= 16) {
    // The last 16 bytes, without those that have been seen.
    unsigned const marks = special_bytes(end - 16) >> (16 - (end - position));
    return marks != 0 ? position + std::countr_zero(marks) : end;
  }
#endif
  // Eight bytes at a time. In a word of bytes, (x - n * ones) & ~x & tops marks bytes below n; a mark may be
  // wrong only above a right one, so the lowest is exact.
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  if constexpr (std::endian::native == std::endian::little) {
    for (; end - position >= 8; position += 8) {
      auto const word = load<std::uint64_t>(position);
      std::uint64_t const quote = word ^ (ones * '"');
      std::uint64_t const backslash = word ^ (ones * '\\');
      std::uint64_t const marks = (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
                                   ((backslash - ones) & ~backslash) | word) &
                                  tops;
      if (marks != 0) return position + std::countr_zero(marks) / 8;
    }
  }
  for (; position != end; ++position) {
    auto const byte = static_cast<unsigned char>(*position);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return position;
}

inline char const* skip_plain(char const* position, char const* end) noexcept {
  return skip_plain(position, position, end);
}

/// The streams that RapidJSON reads. Its functions read until a byte does not fit, so the stream itself knows
/// its end, and is NUL there.
struct bounded_stream {
  using Ch = char;

  char const* begin;
  char const* position;
  char const* end;

  char Peek() const noexcept { return position == end ? '\0' : *position; }
  char Take() noexcept { return position == end ? '\0' : *position++; }
  std::size_t Tell() const noexcept { return static_cast<std::size_t>(position - begin); }
};

struct null_stream {
  void Put(char) noexcept {}
};

/// Moves `position` over one UTF-8 sequence. False if it is none (RFC 3629 §4: also surrogates and overlong
/// forms), or if `end` comes before its last byte.
inline bool skip_utf8(char const*& position, char const* end) noexcept {
  bounded_stream in{position, position, end};
  null_stream out;
  bool const valid = rapidjson::UTF8<>::Validate(in, out);
  position = in.position;
  return valid;
}

/// RapidJSON decodes "in situ" into whatever its stream calls the place: here the user's string, so that
/// nothing else is allocated. The stream also sees what RapidJSON 1.1.0 does not: the low half of a surrogate
/// pair that stands alone, written as the bytes ED B0..BF, which no valid text contains.
struct unescaping_stream : bounded_stream {
  std::string* out;
  std::size_t written = 0;
  unsigned char previous = 0;
  bool lone_surrogate = false;

  unescaping_stream(char const* first, char const* last, std::string* to) noexcept
      : bounded_stream{first, first, last}, out(to) {}

  void Put(char letter) {
    auto const byte = static_cast<unsigned char>(letter);
    lone_surrogate |= previous == 0xED && byte >= 0xA0;
    previous = byte;
    ++written;
    if (out != nullptr) out->push_back(letter);
  }
  char* PutBegin() noexcept { return nullptr; }
  std::size_t PutEnd(char*) const noexcept { return written; }
  void Flush() noexcept {}
};

struct unescaped {
  json_errc code;        // none, or why the string is bad
  char const* position;  // behind the string, or where it is bad
};

/// Decodes the string that begins at `position` with its quotation mark (RFC 8259 §7) into `out`, unless that
/// is null.
inline unescaped unescape_string(char const* position, char const* end, std::string* out) {
  constexpr unsigned flags =
      rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseStopWhenDoneFlag;
  if (out != nullptr) out->clear();
  unescaping_stream stream{position, end, out};
  rapidjson::BaseReaderHandler<> ignore;
  rapidjson::Reader reader;
  reader.Parse<flags>(stream, ignore);
  if (reader.HasParseError()) {
    if (stream.position == end) return {json_errc::truncated, end};
    char const* const where = position + reader.GetErrorOffset();
    switch (reader.GetParseErrorCode()) {
      case rapidjson::kParseErrorStringInvalidEncoding: return {json_errc::invalid_utf8, where};
      case rapidjson::kParseErrorStringUnicodeSurrogateInvalid: return {json_errc::lone_surrogate, where};
      default: return {*where == '\\' ? json_errc::invalid_escape : json_errc::malformed, where};
    }
  }
  if (stream.lone_surrogate) return {json_errc::lone_surrogate, position};
  if (out != nullptr) out->pop_back();  // the NUL that RapidJSON ends every string with
  return {json_errc{}, stream.position};
}

}  // namespace kindwire::detail
