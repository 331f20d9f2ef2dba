// What opening a connection over TLS costs the server: opens one after the other, each with a WebSocket
// handshake, and closes it.
//
//     tls_handshakes PORT PID full|resumed NUMBER
//
// Prints the server's CPU time for each in ns.
#include <openssl/ssl.h>

#include <string>
#include <string_view>

#include "client.hpp"
#include "process.hpp"

using namespace bench;

int main(int count, char** values) {
  if (count != 5) give_up("usage: tls_handshakes PORT PID full|resumed NUMBER");
  auto const port = static_cast<std::uint16_t>(std::atoi(values[1]));
  std::string const pid = values[2];
  bool const resumes = std::string_view(values[3]) == "resumed";
  SSL_SESSION* session = nullptr;
  auto const open = [&](std::size_t number) {
    tls_wire one = tls_wire::to_server(open_socket(port, number), session);
    if (resumes && session && SSL_session_reused(one.native_handle()) != 1) give_up("not resumed");
    upgrade(one, port);
    // The server's ticket came before its answer.
    if (resumes && !session) session = SSL_get1_session(one.native_handle());
    one.close();
  };
  for (std::size_t i = 0; i != 20; ++i) open(i);
  auto const number = static_cast<std::size_t>(std::atoi(values[4]));
  usage const before = usage::of(pid);
  for (std::size_t i = 0; i != number; ++i) open(i);
  usleep(20000);  // the last one's end
  std::printf("%.0f\n", (usage::of(pid).cpu - before.cpu) / static_cast<double>(number));
}
