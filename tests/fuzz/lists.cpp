// URIs, origins, header lists and extension lists: what is taken survives being written and read again, and
// lists are what a plain split says.
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/origin.hpp>
#include <kindwire/handshake/percent.hpp>
#include <kindwire/handshake/request.hpp>

#include "fuzz.hpp"
#include "reference_head.hpp"

namespace kw = kindwire;

namespace {

void check_uri(std::string const& text) {
  auto uri = kw::uri::parse(text);
  if (!uri) return;
  FUZZ_CLAIM(uri->credentials.empty() || uri->credentials.find(':') != std::string::npos);
  uri->credentials.clear();
  FUZZ_CLAIM(uri->port != 0 && uri->target.starts_with('/') && !uri->host.empty());
  FUZZ_CLAIM(kw::uri::parse((uri->secure ? "wss://" : "ws://") + uri->authority() + uri->target) == uri);
  // What can be parsed can be asked for.
  kw::client_handshake const client(*uri);
  FUZZ_CLAIM(!client.error() && !client.output().empty());
}

void check_origin(std::string const& text) {
  auto const origin = kw::parse_origin(text);
  if (!origin) return;
  std::string again = origin->scheme + "://" +
                      (origin->host.find(':') == std::string::npos ? origin->host : '[' + origin->host + ']');
  if (origin->port != 0) again += ':' + std::to_string(origin->port);
  FUZZ_CLAIM(kw::parse_origin(again) == origin);
  // Equal to itself, and to nothing beside it.
  FUZZ_CLAIM(kw::parse_origin(again + "x") != origin && kw::parse_origin(again + "/") != origin);
}

void check_percent(std::string const& text) {
  std::string encoded;
  for (char const c : text) {
    encoded += '%';
    encoded += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    encoded += "0123456789ABCDEF"[static_cast<unsigned char>(c) & 15];
  }
  FUZZ_CLAIM(kw::percent_decode(encoded) == text);
  auto const decoded = kw::percent_decode(text);
  FUZZ_CLAIM(!decoded || decoded->size() <= text.size());
}

void check_base64(std::string const& text) {
  FUZZ_CLAIM(kw::base64_decode(kw::base64_encode(std::as_bytes(std::span(text)))) == text);
  auto const decoded = kw::base64_decode(text);
  if (!decoded) return;
  // Only the unused bits of the last character may differ.
  std::string const again = kw::base64_encode(std::as_bytes(std::span(*decoded)));
  FUZZ_CLAIM(again.size() == text.size() && kw::base64_decode(again) == decoded);
}

// The value of Sec-WebSocket-Protocol, and of Sec-WebSocket-Extensions, in one field or in two.
void check_fields(std::string const& text, std::size_t cut) {
  std::string const value = text.substr(0, cut), other = text.substr(cut);
  bool const two = cut != text.size();
  std::string head = "GET /a?" + std::string(two ? "b" : "") + " HTTP/1.1\r\nHost: h\r\n";
  for (std::string const name : {"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Connection"}) {
    head += name + ": " + value + "\r\n";
    if (two) head += name + ": " + other.substr(1) + "\r\n";
  }
  head += "\r\n";
  kw::request request;
  if (kw::request::parse(head, request)) return;
  if (request.headers().size() != (two ? 7u : 4u)) return;  // the text made lines of its own

  std::vector<std::string_view> elements;
  bool tokens = true;
  std::string_view rest = text;
  for (;;) {
    std::size_t const comma = rest.find(',');
    std::string_view element = rest.substr(0, comma);
    element.remove_prefix(std::min(element.find_first_not_of(" \t"), element.size()));
    element = element.substr(0, element.find_last_not_of(" \t") + 1);
    if (!element.empty()) elements.push_back(element), tokens = tokens && fuzz::is_name(element);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  auto const read = request.headers().tokens("sec-websocket-protocol");
  FUZZ_CLAIM(read.has_value() == (tokens && !elements.empty()));
  FUZZ_CLAIM(!read || *read == elements);
  for (std::string_view const each : elements) FUZZ_CLAIM(request.headers().has_token("connection", each));
  FUZZ_CLAIM(!request.headers().has_token("connection", "upgrade") ||
             std::any_of(elements.begin(), elements.end(),
                         [](auto each) { return kw::detail::equal_ignoring_case(each, "upgrade"); }));

  // RFC 6455 §9.1: fields are joined as if they were one list. A comma between quotes is no token's.
  auto const list = kw::parse_extensions(text);
  auto const joined = kw::parse_extensions(request.headers());
  FUZZ_CLAIM(list == joined);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const text(reinterpret_cast<char const*>(data), size);
  check_uri(text);
  check_origin(text);
  check_percent(text);
  check_base64(text);
  check_fields(text, text.size());
  for (std::size_t const comma : {text.find(','), text.rfind(',')})
    if (comma != std::string::npos) check_fields(text, comma);
  if (auto const list = kw::parse_extensions(text))
    FUZZ_CLAIM(kw::parse_extensions(kw::format_extensions(*list)) == list);
  kw::request request;
  if (!kw::request::parse("GET /?" + text + " HTTP/1.1\r\nHost: h\r\n\r\n", request) &&
      text.find(' ') == std::string::npos) {
    FUZZ_CLAIM(request.query() == text);
    auto const value = request.query("a");
    FUZZ_CLAIM(!text.starts_with("a=") ||
               value == kw::detail::form_decode(text.substr(2, text.find('&') - 2)));
  }
  return 0;
}
