// Compressed messages in memory: what permessage-deflate costs, against zlib alone.
//
//     compressed [--rounds N] [--milliseconds N] [--only deflate/out/json]
//     compressed --messages json/300    writes the messages of such a case, for other programs to measure
#include <cstdio>
#include <kindwire/deflate.hpp>
#include <kindwire/session.hpp>
#include <memory>
#include <string>
#include <vector>

#include "parties.hpp"
#include "workload.hpp"

using namespace bench;
namespace kw = kindwire;

namespace {

// Past zlib's window, so that what is sent in the next pass cannot refer to the last one.
constexpr std::size_t least = std::size_t{256} << 10;

struct cell {
  std::string name;
  std::size_t size;
  bool text;

  std::string messages() const {
    std::size_t const count = (least + size - 1) / size;
    if (!text) return compressed_already(count * size);
    json_source json;
    std::string result;
    for (std::size_t i = 0; i < count; ++i) result += json.message(size);
    return result;
  }
};

cell const cells[] = {{"json/300", 300, true},
                      {"json/4096", 4096, true},
                      {"json/1048576", 1048576, true},
                      {"binary/65536", 65536, false}};

/// Reads what a server has sent, with or without context takeover.
delivered read_back(std::string const& wire) {
  kw::deflate::options all = kw::deflate::full();
  all.peer_context_takeover = true;
  std::shared_ptr<kw::extension_negotiator const> const negotiator = all;
  auto const agreed = negotiator->accept({{"permessage-deflate", {}}});
  kw::session client{kw::role::client, {.max_message_size = 2u << 20}, agreed.extension.get()};
  auto const room = client.prepare(wire.size());
  std::copy(wire.begin(), wire.end(), reinterpret_cast<char*>(room.data()));
  client.commit(wire.size());
  delivered result;
  while (kw::message const msg = client.poll())
    result.add(reinterpret_cast<unsigned char const*>(msg.bytes().data()), msg.size());
  if (client.error()) give_up("what was sent cannot be read: " + client.error().message());
  return result;
}

void measure_both(settings const& how, cell const& of, bool takeover) {
  std::string const end = of.name + (takeover ? "/takeover" : "");
  std::string const in = "deflate/in/" + end;
  std::string const out = "deflate/out/" + end;
  std::string const size = "deflate/size/" + end;
  if (!how.wants(in) && !how.wants(out) && !how.wants(size)) return;
  agreement on;
  on.context_takeover = takeover;
  on.text = of.text;
  compressed_input const input(of.messages(), of.size, on);
  auto const messages = static_cast<double>(input.messages);
  std::vector<contender> receiving;
  std::vector<contender> sending;
  std::vector<std::shared_ptr<std::string>> last;
  for (auto const& [party, make] : compressing_ends::all()) {
    std::shared_ptr<compressing_end> const each = make(on);
    if (how.wants(in) && !each->only_sends) {
      each->receive(input.frames(), input.messages);
      if (party != "limit" && !(each->got == input.expected))
        give_up(party + " delivers something else: " + in);
      receiving.push_back({party, [&input, each] { each->receive(input.frames(), input.messages); }});
    }
    std::string sent;
    each->written = &sent;
    each->send(input.all(), of.size);
    each->written = nullptr;
    if (party != "limit" && !(read_back(sent) == input.expected))
      give_up(party + " sends something else: " + out);
    if (how.wants(size)) print(size, "bytes/message", party, static_cast<double>(sent.size()) / messages);
    sending.push_back({party, [&input, &of, each] { each->send(input.all(), of.size); }});
  }
  if (how.wants(in)) measure(how, in, "ns/message", messages, receiving);
  if (how.wants(out)) measure(how, out, "ns/message", messages, sending);
}

}  // namespace

int main(int count, char** values) {
  if (count == 3 && std::string(values[1]) == "--messages") {
    for (cell const& each : cells) {
      if (each.name != values[2]) continue;
      std::string const messages = each.messages();
      std::fwrite(messages.data(), 1, messages.size(), stdout);
      return 0;
    }
    give_up("there are no such messages");
  }
  settings const how(count, values);
  for (bool const takeover : {false, true}) {
    for (cell const& each : cells) measure_both(how, each, takeover);
  }
}
