// What larger messages and more fragments cost in memory: a byte and a fragment should cost the same however
// many there are.
//
//     growth [--rounds N] [--milliseconds N] [--only growth/fragments]
#include <string>

#include "parties.hpp"
#include "workload.hpp"

using namespace bench;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

bool wanted(std::string const& party) { return party == "ours" || party == "beast" || party == "limit"; }

void measure_size(settings const& how, std::size_t size) {
  std::string const name = "growth/message/" + std::to_string(size);
  if (!how.wants(name)) return;
  input from_client;
  std::string const payload = binary(size);
  do {
    from_client.add(kindwire::message_type::binary, payload);
  } while (from_client.expected.size < working_set);
  measure(how, name, "ns/KiB", static_cast<double>(from_client.expected.size) / 1024,
          receiving(from_client, size, name, wanted));
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
  measure(how, name, "ns/fragment", static_cast<double>(fragments),
          receiving(from_client, fragments, name, wanted));
}

}  // namespace

int main(int count, char** values) {
  settings const how(count, values);
  for (std::size_t size = 1024; size <= 64 * mebibyte; size *= 4) measure_size(how, size);
  for (std::size_t fragments = 1000; fragments <= 1000000; fragments *= 10) measure_fragments(how, fragments);
}
