// What larger messages and more fragments cost in memory: a byte and a fragment should cost the same however
// many there are. The limit of messages is memcpy, read by read, to where they are gathered: it grows as
// well, once what is received leaves one cache after the other.
//
//     growth [--rounds N] [--milliseconds N] [--only growth/fragments]
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "parties.hpp"
#include "workload.hpp"

using namespace bench;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::vector<contender> contenders(input const& from, std::size_t largest, std::string const& name) {
  return receiving(from, largest, name,
                   [](std::string const& party) { return party == "ours" || party == "beast"; });
}

contender copying(input const& from, std::size_t largest) {
  auto const room = std::make_shared<std::vector<unsigned char>>(largest + read_size);
  return {"limit", [&from, largest, room] {
            bytes const wire = from.all();
            std::size_t to = 0;
            for (std::size_t at = 0, size = 0; at < wire.size; at += size, to += size) {
              size = std::min(wire.size - at, read_size);
              if (to >= largest) to = 0;
              std::memcpy(room->data() + to, wire.data + at, size);
              use(room->data());
            }
          }};
}

void measure_size(settings const& how, std::size_t size) {
  std::string const name = "growth/message/" + std::to_string(size);
  if (!how.wants(name)) return;
  input from_client;
  std::string const payload = binary(size);
  do {
    from_client.add(kindwire::message_type::binary, payload);
  } while (from_client.expected.size < working_set);
  auto all = contenders(from_client, size, name);
  all.push_back(copying(from_client, size));
  measure(how, name, "ns/KiB", static_cast<double>(from_client.expected.size) / 1024, all);
}

// One message of one-byte fragments.
void measure_fragments(settings const& how, std::size_t fragments) {
  std::string const name = "growth/fragments/" + std::to_string(fragments);
  if (!how.wants(name)) return;
  input from_client;
  std::string const payload = binary(fragments);
  for (std::size_t i = 0; i < fragments; ++i) {
    auto const type = i == 0 ? kindwire::message_type::binary : kindwire::message_type::continuation;
    from_client.add_frame(type, std::string_view(payload).substr(i, 1), i + 1 == fragments);
  }
  from_client.finish(payload);
  measure(how, name, "ns/fragment", static_cast<double>(fragments), contenders(from_client, fragments, name));
}

}  // namespace

int main(int count, char** values) {
  settings const how(count, values);
  for (std::size_t size = 1024; size <= 64 * mebibyte; size *= 4) measure_size(how, size);
  for (std::size_t fragments = 1000; fragments <= 1000000; fragments *= 10) measure_fragments(how, fragments);
}
