// Requests out of any bytes: what is read is what the grammar has, the same in one piece and in many, and
// nothing that the peer sent makes a line of its own in what we answer.
#include <kindwire/handshake/host.hpp>
#include <kindwire/handshake/router.hpp>
#include <kindwire/handshake/server.hpp>
#include <kindwire/handshake/upgrade.hpp>

#include <optional>

#include "fuzz.hpp"
#include "reference_head.hpp"

namespace kw = kindwire;

namespace {

// What we answer, read back: the status, and exactly `fields` header fields.
void check_answer(std::string const& out, unsigned status, std::size_t fields) {
  kw::head_parser back(kw::head_parser::kind::response);
  std::size_t const size = back.put(out);
  FUZZ_CLAIM(back.status() == kw::handshake_status::ready && back.status_code() == status);
  FUZZ_CLAIM(back.headers().size() == fields);
  auto const length = back.headers().only("Content-Length");
  FUZZ_CLAIM(status == 101 ? !length && size == out.size()
                           : length && std::to_string(out.size() - size) == *length);
}

void check_refusal(kw::response const& answer) {
  std::string out;
  FUZZ_CLAIM(!kw::write_response(answer, out));
  check_answer(out, answer.status, answer.headers.size() + 2);
}

void check_match(kw::request head) {
  kw::router<int> routes;
  FUZZ_CLAIM(!routes.add("/chat/{room}", 1) && !routes.add("/chat/{room}/end", 2) &&
             !routes.add("/{any}", 3));
  auto found = routes.match(head.path());
  FUZZ_CLAIM(found.parameters.size() == (found ? 1u : 0u));
  for (auto const& [name, value] : found.parameters)
    FUZZ_CLAIM(!value.empty() && value != "." && value != "..");
  auto const parameters = found.parameters;
  head.set_parameters(std::move(found.parameters));
  FUZZ_CLAIM(head.parameters() == parameters);
  for (auto const& [name, value] : parameters) FUZZ_CLAIM(head.parameter(name) == value);
  FUZZ_CLAIM(head.parameter("other").empty() && head.header("host") == head.headers().only("HOST"));
  auto const all = head.headers().all("host");
  FUZZ_CLAIM(all.size() == 1 ? all[0] == head.header("Host") : all.empty() && head.minor_version() == 0);
}

// What the application says beside what must be said.
struct application {
  explicit application(fuzz::source& from)
      : status(from.byte() * 4), subprotocol(from.text()), extensions(from.text()) {
    std::string name = from.text();
    if (!name.empty()) headers.emplace_back(std::move(name), from.text());
    body = from.text();
  }

  unsigned status;
  std::string subprotocol, extensions, body;
  kw::header_list headers;

  void check_response() const {
    std::string out = "before";
    bool const to_head = body.starts_with('h');
    if (kw::write_response({status, headers, body}, out, to_head)) {
      FUZZ_CLAIM(out == "before");
      return;
    }
    FUZZ_CLAIM(status >= 200 && status <= 599);
    out.erase(0, 6);
    check_written(out, headers.size() + (status == 204 || status == 304 ? 1 : 2));
    bool const no_body = status == 204 || status == 304 || to_head;
    FUZZ_CLAIM(out.ends_with(no_body ? "\r\n\r\n" : "\r\n\r\n" + body));
  }

  void check_accept(kw::request const& head) const {
    std::string out = "before";
    if (kw::write_accept(head, {subprotocol, extensions, headers}, out)) {
      FUZZ_CLAIM(out == "before");
      return;
    }
    out.erase(0, 6);
    check_written(out, 3 + headers.size() + (subprotocol.empty() ? 0 : 1) + (extensions.empty() ? 0 : 1));
  }

 private:
  void check_written(std::string const& out, std::size_t fields) const {
    kw::head_parser back(kw::head_parser::kind::response, {.max_head = 1u << 20});
    back.put(out);
    FUZZ_CLAIM(back.status() == kw::handshake_status::ready && back.headers().size() == fields);
    for (auto const& [name, value] : headers) {
      auto const read = back.headers().first(name);
      FUZZ_CLAIM(read && *read == kw::detail::trim(value));
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const cut = from.byte();
  unsigned const choices = from.byte();
  kw::head_limits limits;
  if ((choices & 1u) != 0) limits = {.max_line = 40, .max_head = 240, .max_headers = 8};
  std::optional<application> ours;
  if ((choices & 16u) != 0) {
    ours.emplace(from);
    ours->check_response();
  }
  support::bytes const input = from.rest();
  std::string_view const text(reinterpret_cast<char const*>(input.data()), input.size());

  kw::server_handshake whole(limits), pieces(limits);
  fuzz::put(whole, input);
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) { fuzz::put(pieces, piece); });
  FUZZ_CLAIM(whole.status() == pieces.status() && whole.error() == pieces.error());
  FUZZ_CLAIM(whole.begun() == pieces.begun());

  auto const expected = fuzz::read_request_head(text, limits);
  bool const only_unfit = whole.error() == kw::error::http_host || whole.error() == kw::error::http_body ||
                          whole.error() == kw::error::http_target;
  FUZZ_CLAIM(!expected || whole.status() == kw::handshake_status::ready || only_unfit);
  if (whole.status() == kw::handshake_status::failed) {
    FUZZ_CLAIM(whole.leftover().empty() && pieces.leftover().empty());
    check_refusal(whole.error_response());
  }
  if (whole.status() != kw::handshake_status::ready) return 0;

  FUZZ_CLAIM(expected.has_value());
  kw::request const& head = whole.request();
  FUZZ_CLAIM(head.method() == expected->method && head.target() == expected->target);
  FUZZ_CLAIM(head.headers().size() == expected->fields.size());
  for (std::size_t i = 0; i != expected->fields.size(); ++i) {
    auto const [name, value] = head.headers()[i];
    auto const again = pieces.request().headers()[i];
    FUZZ_CLAIM(name == expected->fields[i].first && value == expected->fields[i].second);
    FUZZ_CLAIM(name == again.name && value == again.value);
  }
  FUZZ_CLAIM(head.path().starts_with('/') && head.headers().count("Transfer-Encoding") == 0);
  std::size_t const hosts = head.headers().count("Host");
  FUZZ_CLAIM(head.minor_version() == 0 ? hosts <= 1 : hosts == 1 && !head.host().empty());
  // Each list lets pass its own only.

  kw::host_options const nobody{.allowed = {"!"}}, local{.local = true};
  if (!kw::check_host(head, nobody)) FUZZ_CLAIM(head.host().empty() || head.host().starts_with('!'));
  FUZZ_CLAIM(!kw::check_host(head, {}));
  if (kw::check_host(head, local)) check_refusal(kw::answer_to_other_host(local));
  for (kw::server_handshake* each : {&whole, &pieces}) {
    auto const left = each->leftover();
    FUZZ_CLAIM(std::equal(left.begin(), left.end(),
                          input.begin() + static_cast<std::ptrdiff_t>(expected->size), input.end()));
  }

  head.query("a");
  check_match(head);
  kw::origin_options const origins{
      .allowed = {"https://app.example.com"}, .any = (choices & 2u) != 0, .secure = (choices & 4u) != 0};
  if (auto const refused = kw::check_upgrade(head, origins)) {
    FUZZ_CLAIM(refused->error);
    check_refusal(refused->answer);
    return 0;
  }
  if (ours) ours->check_accept(head);
  std::string const supported[] = {"chat", "v2"};
  kw::accept_options options{.subprotocol = kw::select_subprotocol(head, supported)};
  auto const offered = kw::parse_extensions(head.headers());
  FUZZ_CLAIM(offered.has_value() == (head.headers().has_elements("Sec-WebSocket-Extensions") ||
                                     head.headers().count("Sec-WebSocket-Extensions") == 0));
  FUZZ_CLAIM(head.minor_version() != 0);
  std::string extensions;
  if (offered && !offered->empty() && (choices & 8u) != 0)
    extensions = kw::format_extensions({offered->front()});
  options.extensions = extensions;
  std::string out;
  FUZZ_CLAIM(!kw::write_accept(head, options, out));
  check_answer(out, 101, 3 + (options.subprotocol.empty() ? 0 : 1) + (extensions.empty() ? 0 : 1));
  return 0;
}
