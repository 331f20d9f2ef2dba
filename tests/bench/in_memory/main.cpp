// Receiving and sending in memory: what the protocol itself costs.
//
//     in_memory [--rounds N] [--milliseconds N] [--only receive/mixed] [--batch BYTES]
#include <memory>
#include <string>
#include <vector>

#include "parties.hpp"
#include "workload.hpp"

using namespace bench;

namespace {

constexpr std::size_t sizes[] = {16, 125, 1024, 16384, std::size_t{1} << 20};

void measure_receive(settings const& how, std::string const& kind, std::size_t size) {
  std::string const name = "receive/" + kind + "/" + std::to_string(size);
  if (!how.wants(name)) return;
  input const from_client = messages_of(kind, size);
  auto const everybody = [](std::string const&) { return true; };
  measure(how, name, "ns/message", static_cast<double>(from_client.messages),
          receiving(from_client, size, name, everybody));
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
    if (!each) continue;  // it is only one end
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
