// Receiving and sending in memory: what the protocol itself costs.
//
//     in_memory [--rounds N] [--milliseconds N] [--only receive/mixed] [--batch BYTES]
#include <kindwire/session.hpp>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parties.hpp"

namespace kw = kindwire;
using namespace bench;

namespace {

constexpr std::size_t sizes[] = {16, 125, 1024, 16384, std::size_t{1} << 20};

// Enough of each to leave the first cache, little enough to stay in the second: a socket's bytes are fresh
// from the kernel's copy.
constexpr std::size_t working_set = 256 << 10;
// Mixed text decides branches by its bytes, and a predictor learns what it sees again: so it is long, and
// comes again only after many megabytes.
constexpr std::size_t fresh_text = std::size_t{24} << 20;

std::mt19937_64 random_source(20240229);

std::string binary(std::size_t size) {
  std::string text(size, '\0');
  for (char& each : text) each = static_cast<char>(random_source());
  return text;
}

std::string ascii(std::size_t size) {
  std::string text(size, '\0');
  for (char& each : text) each = static_cast<char>(' ' + random_source() % 95);
  return text;
}

// Characters of one to four bytes, each length as likely as the others.
std::string mixed(std::size_t size) {
  std::string text;
  text.reserve(size + 4);
  while (text.size() < size) {
    auto const bits = random_source();
    std::size_t const left = size - text.size();
    auto const lead = [&](std::uint64_t value) { text += static_cast<char>(value); };
    auto const tail = [&](unsigned shift) { text += static_cast<char>(0x80 | ((bits >> shift) & 0x3f)); };
    switch (std::min<std::size_t>(left, 1 + bits % 4)) {
      case 1: lead(' ' + (bits >> 8) % 95); break;
      case 2: lead(0xc2 + (bits >> 8) % 30), tail(16); break;
      case 3: lead(0xe1 + (bits >> 8) % 12), tail(16), tail(24); break;  // e1 to ec: any two may follow
      default: lead(0xf1 + (bits >> 8) % 3), tail(16), tail(24), tail(32);
    }
  }
  return text;
}

struct input {
  std::vector<unsigned char> wire;
  std::size_t messages = 0;
  delivered expected;

  bytes all() const { return {wire.data(), wire.size()}; }
};

// What a client sends, masked with keys of the strong source.
input frames(std::string_view kind, std::size_t size) {
  input result;
  kw::session client{kw::role::client};
  auto const type = kind == "binary" ? kw::message_type::binary : kw::message_type::text;
  std::size_t const enough = kind == "mixed" ? fresh_text : working_set;
  while (result.expected.size < enough) {
    auto const payload = kind == "binary" ? binary(size) : kind == "ascii" ? ascii(size) : mixed(size);
    if (client.send(type, std::as_bytes(std::span(payload)))) give_up("cannot make the input");
    result.expected.add(reinterpret_cast<unsigned char const*>(payload.data()), size);
    auto const frame = client.output();
    auto const* const data = reinterpret_cast<unsigned char const*>(frame.data());
    result.wire.insert(result.wire.end(), data, data + frame.size());
    client.consume(frame.size());
  }
  result.messages = result.expected.messages;
  return result;
}

void measure_receive(settings const& how, std::string const& kind, std::size_t size) {
  std::string const name = "receive/" + kind + "/" + std::to_string(size);
  if (!how.wants(name)) return;
  input const from_client = frames(kind, size);
  std::vector<contender> contenders;
  for (auto const& [party, make] : receivers::all()) {
    std::shared_ptr<receiver> const each = make(size);
    each->receive(from_client.all(), from_client.messages);
    if (party != "limit" && !(each->got == from_client.expected))
      give_up(party + " delivers something else: " + name);
    contenders.push_back({party, [&, each] { each->receive(from_client.all(), from_client.messages); }});
  }
  measure(how, name, "ns/message", static_cast<double>(from_client.messages), contenders);
}

void measure_send(settings const& how, end of, std::size_t size) {
  std::string const name =
      std::string("send/") + (of == end::server ? "server/" : "client/") + std::to_string(size);
  if (!how.wants(name)) return;
  std::size_t const messages = std::max<std::size_t>(1, working_set / size);
  std::string const payloads = binary(messages * size);
  bytes const all{reinterpret_cast<unsigned char const*>(payloads.data()), payloads.size()};
  std::size_t const header = (of == end::server ? 2u : 6u) + (size < 126 ? 0u : size < 65536 ? 2u : 8u);
  std::vector<contender> contenders;
  for (auto const& [party, make] : senders::all()) {
    std::shared_ptr<sender> const each = make(of);
    each->send(all, size, how.batch);
    if (party != "limit" && each->written != messages * (header + size))
      give_up(party + " sends something else: " + name);
    contenders.push_back({party, [&, each] { each->send(all, size, how.batch); }});
  }
  measure(how, name, "ns/message", static_cast<double>(messages), contenders);
}

}  // namespace

int main(int count, char** values) {
  settings const how(count, values);
  for (std::string const kind : {"binary", "ascii", "mixed"}) {
    for (std::size_t const size : sizes) measure_receive(how, kind, size);
  }
  for (end const of : {end::server, end::client}) {
    for (std::size_t const size : sizes) measure_send(how, of, size);
  }
}
