// What the C++ peers of matrix.py have in common: the command line, the commands, and the lines they print.
//
//     PEER server [--port N]                    prints ws://127.0.0.1:PORT/, takes the subprotocol chat
//     PEER client URL SUBPROTOCOLS COMMAND…     runs the commands, each once the one before was answered
//
// Commands: `say TEXT`, `text SIZE`, `binary SIZE`, `fragments SIZE COUNT`, `ping DATA`, `close CODE REASON`,
// and for clients `!COMMAND`, which has the server do it. A server sends all other messages back, and `pong
// DATA` for a pong. A client prints `open SUBPROTOCOL`, `text SIZE ADLER32`, `binary SIZE ADLER32`, `pong
// DATA`, and both ends print `closed CODE REASON` with what the other end's Close said.
//
// KINDWIRE_TLS in the environment has servers speak wss, with certificate.pem and key.pem of that folder.
// KINDWIRE_COMPRESSION in the environment has all messages compressed, with permessage-deflate: `shared`
// without context takeover at either end, `small` with windows of 12 bits, `full` with what is usual.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace peer {

enum class kind { text, binary };

// One open connection, as the library at hand does it.
class connection {
 public:
  virtual ~connection() = default;
  virtual void send(kind type, std::string const& payload) = 0;
  virtual void send_fragments(std::vector<std::string> const& pieces) = 0;  // a binary message
  virtual void ping(std::string const& data) = 0;
  virtual void close(unsigned code, std::string const& reason) = 0;
};

// The value of KINDWIRE_COMPRESSION, or `off`.
inline std::string compression() {
  char const* const given = std::getenv("KINDWIRE_COMPRESSION");
  return given != nullptr ? given : "off";
}

inline std::string pattern(kind type, std::size_t size) {
  std::string result(size, '\0');
  for (std::size_t at = 0; at < size; ++at)
    result[at] = static_cast<char>(type == kind::text ? 'a' + at % 26 : at % 251);
  return result;
}

inline unsigned long adler32(std::string_view data) {
  unsigned long low = 1;
  unsigned long high = 0;
  for (char const each : data) {
    low = (low + static_cast<unsigned char>(each)) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16 | low;
}

inline void print(std::string const& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// Where the certificate is, or empty.
inline std::string tls_folder() {
  char const* const given = std::getenv("KINDWIRE_TLS");
  return given != nullptr ? given : "";
}

inline void print_url(unsigned port) {
  print((tls_folder().empty() ? "ws" : "wss") + std::string("://127.0.0.1:") + std::to_string(port) + "/");
}

inline std::string take_word(std::string& from) {
  std::size_t const end = from.find(' ');
  std::string word = from.substr(0, end);
  from.erase(0, end == std::string::npos ? end : end + 1);
  return word;
}

inline unsigned take_number(std::string& from) { return static_cast<unsigned>(std::stoul(take_word(from))); }

inline void perform(std::string command, connection& on) {
  std::string const verb = take_word(command);
  if (verb == "say") return on.send(kind::text, command);
  if (verb == "text") return on.send(kind::text, pattern(kind::text, take_number(command)));
  if (verb == "binary") return on.send(kind::binary, pattern(kind::binary, take_number(command)));
  if (verb == "ping") return on.ping(command);
  if (verb == "close") {
    unsigned const code = take_number(command);
    return on.close(code, command);
  }
  if (verb != "fragments") std::exit(3);
  std::size_t const size = take_number(command);
  std::size_t const count = take_number(command);
  std::string const whole = pattern(kind::binary, size);
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < count; ++at) {
    std::size_t const begin = size * at / count;
    pieces.push_back(whole.substr(begin, size * (at + 1) / count - begin));
  }
  on.send_fragments(pieces);
}

// What happens on a connection goes here, and what is to be done about it comes out through `connection`.
class conversation {
 public:
  conversation() : is_server_(true) {}
  explicit conversation(std::vector<std::string> const& commands)
      : is_server_(false), commands_(commands.begin(), commands.end()) {}

  void opened(connection& on, std::string const& subprotocol) {
    if (is_server_) return;
    print("open " + subprotocol);
    go_on(on);
  }

  void received(connection& on, kind type, std::string const& payload) {
    if (is_server_) {
      bool const command = type == kind::text && payload.substr(0, 1) == "!";
      return command ? perform(payload.substr(1), on) : on.send(type, payload);
    }
    print((type == kind::text ? "text " : "binary ") + std::to_string(payload.size()) + " " +
          std::to_string(adler32(payload)));
    go_on(on);
  }

  void ponged(connection& on, std::string const& data) {
    if (is_server_) return on.send(kind::text, "pong " + data);
    print("pong " + data);
    go_on(on);
  }

  void closed(unsigned code, std::string const& reason) {
    print("closed " + std::to_string(code) + " " + reason);
  }

 private:
  void go_on(connection& on) {
    if (commands_.empty()) return;
    std::string const next = commands_.front();
    commands_.pop_front();
    next[0] == '!' ? on.send(kind::text, next) : perform(next, on);
  }

  bool is_server_;
  std::deque<std::string> commands_;
};

// The main of every peer: be_server(port), or be_client(url, subprotocols, commands).
template <class Server, class Client>
int run(int count, char** values, Server be_server, Client be_client) try {
  std::vector<std::string> const words(values + 1, values + count);
  if (words.size() >= 3 && words[0] == "client") {
    be_client(words[1], words[2], std::vector<std::string>(words.begin() + 3, words.end()));
    return 0;
  }
  bool const with_port = words.size() >= 3 && words[1] == "--port";
  be_server(static_cast<unsigned short>(with_port ? std::stoul(words[2]) : 0));
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "%s\n", failure.what());
  return 1;
}

}  // namespace peer
