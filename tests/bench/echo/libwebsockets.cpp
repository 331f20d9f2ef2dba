// libwebsockets' echo server. As its documentation has it: one write in each WRITEABLE callback; for speed no
// extensions, no logging, a service buffer that takes a whole read.
#include <libwebsockets.h>

#include <cstdio>
#include <cstring>
#include <deque>
#include <string>

namespace {

// Messages wait here with the room in front that lws_write() wants for their headers.
struct queue {
  std::string coming;
  std::deque<std::string> waiting;
};

int on_event(lws* connection, lws_callback_reasons reason, void* user, void* data, std::size_t size) {
  auto** const own = static_cast<queue**>(user);
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED: *own = new queue; break;
    case LWS_CALLBACK_CLOSED: delete *own; break;
    case LWS_CALLBACK_RECEIVE: {
      auto& message = (*own)->coming;
      if (message.empty()) message.resize(LWS_PRE);
      message.append(static_cast<char const*>(data), size);
      if (!lws_is_final_fragment(connection) || lws_remaining_packet_payload(connection) != 0) break;
      (*own)->waiting.push_back(std::move(message));
      message.clear();
      lws_callback_on_writable(connection);
      break;
    }
    case LWS_CALLBACK_SERVER_WRITEABLE: {
      if ((*own)->waiting.empty()) break;
      auto& message = (*own)->waiting.front();
      std::size_t const length = message.size() - LWS_PRE;
      auto* const start = reinterpret_cast<unsigned char*>(message.data()) + LWS_PRE;
      if (lws_write(connection, start, length, LWS_WRITE_BINARY) < static_cast<int>(length)) return -1;
      (*own)->waiting.pop_front();
      if (!(*own)->waiting.empty()) lws_callback_on_writable(connection);
      break;
    }
    default: break;
  }
  return 0;
}

}  // namespace

int main() {
  lws_set_log_level(0, nullptr);
  lws_protocols const protocols[] = {{"echo", on_event, sizeof(queue*), 65536, 0, nullptr, 0},
                                     {nullptr, nullptr, 0, 0, 0, nullptr, 0}};
  lws_context_creation_info info;
  std::memset(&info, 0, sizeof info);
  info.port = 0;
  info.iface = "127.0.0.1";
  info.protocols = protocols;
  info.pt_serv_buf_size = 65536 + 1024;
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  lws_context* const context = lws_create_context(&info);
  if (context == nullptr) return 1;
  lws_vhost* const host = lws_create_vhost(context, &info);
  if (host == nullptr) return 1;
  std::printf("%d\n", lws_get_vhost_listen_port(host));
  std::fflush(stdout);
  while (lws_service(context, 0) >= 0) {}
}
