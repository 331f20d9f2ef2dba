// What the client prints. Nothing that a server sends drives the terminal.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <kindwire/handshake/response.hpp>
#include <kindwire/message/message.hpp>
#include <kindwire/message/print.hpp>
#include <kindwire/message/utf8.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "characters.hpp"

// Line feeds and tabs as they are; other characters that have no look of their own, and bytes that are not
// UTF-8, as `\xNN` or `\u{NNNN}`.
inline std::string printable(std::string_view text) {
  bool const is_text = kindwire::is_utf8(text);
  std::string result;
  char escape[16];
  while (!text.empty()) {
    std::string_view const rest = text;
    auto code = char32_t{static_cast<unsigned char>(text.front())};
    if (is_text) {
      code = next_code_point(text);
    } else {
      text.remove_prefix(1);
    }
    bool const is_shown = code == '\n' || code == '\t' || (!is_deceptive(code) && (is_text || code < 0x80));
    if (is_shown) {
      result += rest.substr(0, rest.size() - text.size());
    } else {
      std::snprintf(escape, sizeof escape, code < 0x100 ? "\\x%02x" : "\\u{%x}", static_cast<unsigned>(code));
      result += escape;
    }
  }
  return result;
}

// The same on one line, for standard error.
inline std::string one_line(std::string_view text) {
  std::string result(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
  for (char& each : result) {
    if (each == '\n' || each == '\r' || each == '\t') each = ' ';
  }
  return printable(result);
}

// Throws if it cannot be written.
inline void print_message(kindwire::message const& msg, bool is_binary) {
  static bool const is_terminal = ::isatty(STDOUT_FILENO) != 0;
  if (!is_terminal) {
    std::fwrite(msg.text().data(), 1, msg.size(), stdout);
    if (!is_binary) std::fputc('\n', stdout);
  } else {
    std::string const shown = msg.is_text() ? printable(msg.text()) : kindwire::to_string(msg, msg.size());
    std::fprintf(stdout, "%s\n", shown.c_str());
  }
  // No system_error: that would be the connection's.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw std::runtime_error(std::string("standard output: ") + std::strerror(errno));
}

// An answer that was not 101, and `how` it came; its header fields too if that is asked for.
inline void print_refusal(std::string_view how, kindwire::response const& answer, bool with_fields) {
  std::string said = std::to_string(answer.status);
  std::string const body = one_line(answer.body);
  // Many servers say the status in the body as well.
  if (body.starts_with(said)) {
    said = body;
  } else if (!body.empty()) {
    (said += ' ') += body;
  }
  std::fprintf(stderr, "%s: %s\n", std::string(how).c_str(), said.c_str());
  if (!with_fields) return;
  for (auto const& [name, value] : answer.headers) {
    std::fprintf(stderr, "  %s: %s\n", one_line(name).c_str(), one_line(value).c_str());
  }
}
