// What a quiet connection costs the server: opens connections, echoes one message on each, and reads the
// server's resident memory.
//
//     idle PORT PID SIZE FEW MANY
//
// Prints the bytes a connection: the slope from FEW to MANY of them.
#include <string>
#include <vector>

#include "client.hpp"
#include "process.hpp"

using namespace bench;

int main(int count, char** values) {
  if (count != 6) give_up("usage: idle PORT PID SIZE FEW MANY");
  auto const number = [&](int i) { return static_cast<std::size_t>(std::atoll(values[i])); };
  std::string const pid = values[2];
  std::string const payload = random_payload(number(3));
  std::string const frame = masked_frame(payload, 0x12345678);
  std::string const expected = frame_header(payload.size(), false) + payload;
  std::string reply(expected.size(), '\0');
  double few = 0;
  for (std::size_t i = 0; i < number(5); ++i) {
    if (i == number(4)) {
      usleep(200000);
      few = resident(pid);
    }
    wire with = open_connection(static_cast<std::uint16_t>(number(1)), i);
    send_whole(with, frame.data(), frame.size());
    receive_whole(with, reply.data(), reply.size());
    if (reply != expected) give_up("the reply is not what was sent");
  }
  usleep(200000);
  std::printf("%.0f\n", (resident(pid) - few) / static_cast<double>(number(5) - number(4)));
}
