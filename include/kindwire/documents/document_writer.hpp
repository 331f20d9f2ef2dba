// JSON for people to read: indented, with short lists on one line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "../json/text/strings.hpp"
#include "../json/writer.hpp"

namespace kindwire::detail {

// The text as a JSON string, which is also one in TypeScript. U+FFFD stands for what is not UTF-8.
inline std::string json_string(std::string_view text) {
  std::string out;
  auto const attempt = [&](std::string_view what) {
    out.clear();
    json_writer writer{out};
    bool const written = writer.write(what);
    if (written) writer.flush();
    return written;
  };
  if (attempt(text)) return out;
  std::string repaired;
  for (char const *at = text.data(), *const end = at + text.size(); at != end;) {
    char const* after = at;
    if (static_cast<unsigned char>(*at) < 0x80) {
      repaired += *at++;
    } else if (skip_utf8(after, end)) {
      repaired.append(at, after);
      at = after;
    } else {
      repaired += "\xEF\xBF\xBD";
      ++at;
    }
  }
  attempt(repaired);
  return out;
}

// Writes a document's tokens in order. The caller keeps brackets balanced.
class document_writer {
 public:
  void open(char bracket) {
    separate();
    out_ += bracket;
    empty_ = true;
    indent_ += 2;
  }

  void close(char bracket) {
    indent_ -= 2;
    if (!empty_) new_line();
    out_ += bracket;
    empty_ = false;
  }

  void key(std::string_view name) {
    separate();
    out_ += json_string(name);
    out_ += ": ";
    after_key_ = true;
  }

  // A value that is JSON already.
  void raw(std::string_view json) {
    separate();
    out_ += json;
    empty_ = false;
  }

  void string(std::string_view text) { raw(json_string(text)); }

  void member(std::string_view name, std::string_view text) {
    key(name);
    string(text);
  }

  void raw_member(std::string_view name, std::string_view json) {
    key(name);
    raw(json);
  }

  // `{"$ref": "#/…"}`
  void reference(std::string_view where, std::string_view name) {
    raw("{\"$ref\": " + json_string(std::string{where} + std::string{name}) + "}");
  }

  // The finished document, with a newline at its end.
  std::string take() {
    out_ += '\n';
    return std::move(out_);
  }

 private:
  void separate() {
    if (after_key_) {
      after_key_ = false;
      return;
    }
    if (indent_ == 0) return;
    if (!empty_) out_ += ',';
    new_line();
    empty_ = false;
  }

  void new_line() {
    out_ += '\n';
    out_.append(indent_, ' ');
  }

  std::string out_;
  std::size_t indent_ = 0;
  bool empty_ = true;
  bool after_key_ = false;
};

}  // namespace kindwire::detail
