// JSON by kind: what is read and written, and what each library has to do with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../harness.hpp"

namespace bench {

/// 39 bytes: `{"kind":"UPLOAD_PROGRESS","value":42.5}`
struct upload_progress {
  double value = 0;
};

/// 290 bytes on the average, in ten fields.
struct upload_done {
  std::uint64_t id = 0;
  std::string user;
  std::string name;
  std::string type;
  std::uint64_t size = 0;
  double seconds = 0;
  bool resumed = false;
  std::string checksum;
  std::vector<std::string> labels;
  std::vector<std::int32_t> parts;
};

/// A kind that is known, but does not come.
struct upload_failed {
  std::string reason;
};

inline constexpr std::string_view progress_kind = "UPLOAD_PROGRESS";
inline constexpr std::string_view done_kind = "UPLOAD_DONE";
inline constexpr std::string_view failed_kind = "UPLOAD_FAILED";

/// What the application got. All parties must come to the same, or one is fast by not doing its work.
struct totals {
  std::size_t messages = 0;
  double values = 0;
  std::uint64_t integers = 0;
  std::uint64_t letters = 0;

  void add(std::string const& text) {
    letters += text.size();
    if (!text.empty()) letters += static_cast<unsigned char>(text.back());
  }
  void operator()(upload_progress const& message) {
    ++messages;
    values += message.value;
  }
  void operator()(upload_failed const& message) {
    ++messages;
    add(message.reason);
  }
  void operator()(upload_done const& message) {
    ++messages;
    values += message.seconds;
    integers += message.id + message.size + (message.resumed ? 1u : 0u);
    add(message.user);
    add(message.name);
    add(message.type);
    add(message.checksum);
    for (auto const& label : message.labels) add(label);
    for (auto const part : message.parts) integers += static_cast<std::uint64_t>(part);
  }
  bool operator==(totals const& other) const {
    double const apart = values - other.values;
    // RapidJSON's fast way of reading a number is not exact.
    return messages == other.messages && integers == other.integers && letters == other.letters &&
           apart * apart <= 1e-20 * values * values;
  }
};

/// Where a text lies in the buffer that it was received into. A NUL follows each, since RapidJSON wants to
/// see one, and 64 bytes behind the last are there for simdjson to read.
struct text {
  std::size_t at;
  std::size_t size;
};

/// Decodes messages of any of the three kinds, each into a new struct, and hands it to `got`. The bytes may
/// be changed.
class decoder {
 public:
  virtual ~decoder() = default;
  virtual void decode(char* received, std::vector<text> const& texts) = 0;
  totals got;
};
using make_decoder = std::function<std::unique_ptr<decoder>()>;
using decoders = registry<make_decoder>;

/// The same by way of a document.
struct make_document_decoder {
  make_decoder make;
  std::unique_ptr<decoder> operator()() const { return make(); }
};
using document_decoders = registry<make_document_decoder>;

/// Encodes messages, one after the other, each into the same buffer: `written` holds what it was given last.
class encoder {
 public:
  virtual ~encoder() = default;
  virtual void encode(upload_progress const& message) = 0;
  virtual void encode(upload_done const& message) = 0;
  virtual std::string_view written() const = 0;
};
using make_encoder = std::function<std::unique_ptr<encoder>()>;
using encoders = registry<make_encoder>;

}  // namespace bench
