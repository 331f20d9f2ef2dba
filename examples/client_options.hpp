// What the client's command line says.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/uri.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/frame_trace.hpp>
#include <kindwire/net/proxy.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "arguments.hpp"
#include "compression.hpp"

#ifdef EXAMPLES_WITH_TLS
#include <kindwire/tls/client.hpp>
#endif

inline constexpr char client_usage[] = R"(usage: client [OPTION]... URL

Connects to URL, ws:// or wss://, sends each line of standard input as a text message and prints each message that
comes, with a line feed. The end of the input, Ctrl-D in a terminal, closes the connection; so does Ctrl-C, and a
second Ctrl-C does not wait for the server. In a terminal, characters that would drive it are printed as \xNN.

  -H 'NAME: VALUE'       a field for the request; may be repeated
  --subprotocol NAME     a subprotocol to offer; may be repeated, the preferred first
  --origin URL           what a browser would say of its page
  --proxy URL            http://, https://, socks5:// or socks5h://; or the word environment: http_proxy, https_proxy,
                         all_proxy and no_proxy then say which
  --redirects N          how many redirects are followed (default 0)
  --ca FILE              whose certificates to trust instead of the system's (PEM)
  --certificate FILE --key FILE
                         a certificate of our own, for a server that asks for one (PEM)
  --insecure             do not verify the certificate of the server
  --reconnect            connect again whenever the connection ends, unless another try is bound to fail as well (401,
                         403, 404, a bad certificate); what is typed meanwhile is sent then
  --binary               what each read of the input gives, at most 64 KiB, is a binary message; what comes is written
                         as it is, without line feeds
  --ping SECONDS         of silence, after which the server is asked whether it is there (default 20, 0: never)
  --compression off|shared|small|full
                         permessage-deflate (default off)
  -v                     show handshakes, connections, frames and refusals on standard error, secrets included but for
                         those in Authorization and Cookie

Exit status:
  0  the connection was closed normally (1000, 1001 or no code), or by Ctrl-C
  1  any other failure: no connection, a lost one, a broken rule, a message that could not be sent or written
  2  bad arguments
  3  the server, or a proxy, refused the connection
  4  the server closed the connection with another code
A second Ctrl-C ends the program as if it did not handle it, which a shell shows as 130.
)";

struct client_options {
  std::string url;
  kindwire::net::client client;
  bool reconnects = false;
  bool is_binary = false;
  bool is_verbose = false;
};

namespace client_options_detail {

inline void require(bool is_so, char const* otherwise) {
  if (!is_so) throw std::invalid_argument(otherwise);
}

// The next value of a flag that may be repeated.
inline std::optional<std::string> next(arguments& given, std::string_view name) {
  static constexpr std::string_view none("\n");  // in no header field, nor in a subprotocol
  std::string value = given.text(name, none);
  return value == none ? std::nullopt : std::optional(value);
}

inline std::pair<std::string, std::string> header_field(std::string_view line) {
  auto const colon = line.find(':');
  require(colon != line.npos && colon != 0, "-H takes 'Name: value'");
  auto const value = line.find_first_not_of(" \t", colon + 1);
  return {std::string(line.substr(0, colon)), std::string(value == line.npos ? "" : line.substr(value))};
}

inline void read_tls(arguments& given, [[maybe_unused]] kindwire::net::connect_options& options) {
  bool const is_insecure = given.flag("--insecure");
  std::string const authorities = given.text("--ca", "");
  std::string const certificate = given.text("--certificate", ""), key = given.text("--key", "");
  require(certificate.empty() == key.empty(), "--certificate and --key belong together");
  require(!is_insecure || authorities.empty(), "--ca is of no use with --insecure");
  if (!is_insecure && authorities.empty() && key.empty()) return;  // the library's default
#ifdef EXAMPLES_WITH_TLS
  kindwire::tls::client_options tls;
  if (!authorities.empty()) tls.authorities = authorities;
  if (!key.empty()) {
    tls.certificate = certificate;
    tls.key = key;
  }
  if (is_insecure) {
    tls.verify = kindwire::tls::verification::none_i_accept_that_anyone_may_answer;
    std::fputs("warning: --insecure: who answers is not verified, and may read and change everything\n",
               stderr);
  }
  options.tls = kindwire::tls::trust(tls);
#else
  throw std::invalid_argument("built without OpenSSL, which --ca, --certificate and --insecure need");
#endif
}

}  // namespace client_options_detail

// Throws whatever is wrong with the arguments; prints the usage and ends the program if they are not ours.
inline client_options read_client_options(int count, char** values) {
  using namespace client_options_detail;
  arguments given(count, values, client_usage);
  kindwire::net::connect_options options;
  while (auto const line = next(given, "-H")) options.headers.push_back(header_field(*line));
  while (auto const name = next(given, "--subprotocol")) options.subprotocols.push_back(*name);
  std::string const origin = given.text("--origin", "");
  options.origin = origin;
  std::string const proxy = given.text("--proxy", "");
  if (proxy == "environment") {
    options.proxy = kindwire::net::proxy::from_environment();
  } else if (!proxy.empty()) {
    options.proxy = kindwire::net::proxy(proxy);
  }
  options.redirects = given.number("--redirects", 0u);
  auto const silence = given.number("--ping", 20.0);
  require(silence >= 0 && silence <= 1e6, "--ping takes seconds");
  options.connection.ping_interval = std::chrono::milliseconds(static_cast<long>(silence * 1000));
  options.connection.max_message_size = std::size_t{64} << 20;  // a person has asked for it
  options.connection.compression = compression_named(given.text("--compression", "off"));
  read_tls(given, options);

  client_options result;
  result.reconnects = given.flag("--reconnect");
  result.is_binary = given.flag("--binary");
  result.is_verbose = given.flag("-v");
  if (result.is_verbose) options.observer = kindwire::net::frame_trace(std::cerr);
  result.url = given.word();
  // A flag that is unknown, or the last word and without its value.
  if (result.url.starts_with('-')) throw std::invalid_argument("unknown or bad argument: " + result.url);
  given.done();
  auto const to = kindwire::uri::parse(result.url);
  require(to.has_value(), "the URL is not a valid ws:// or wss:// one");
  kindwire::client_handshake const request(*to, options.handshake());
  if (request.error()) throw std::system_error(request.error(), "the request");
#ifndef EXAMPLES_WITH_TLS
  require(!to->secure, "built without OpenSSL, which wss:// needs");
#endif
  result.client = kindwire::net::client(std::move(options));
  return result;
}
