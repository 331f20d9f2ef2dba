// wslay's event layer, which checks UTF-8 and gathers messages as the others do.
#include <wslay/wslay.h>

#include <array>
#include <cstring>

#include <sys/random.h>

#include "parties.hpp"

namespace bench {
namespace {

class wslay_receiver final : public receiver {
 public:
  explicit wslay_receiver(std::size_t largest) {
    wslay_event_callbacks callbacks = {};
    callbacks.recv_callback = [](wslay_event_context_ptr context, std::uint8_t* to, std::size_t size, int,
                                 void* user) -> ssize_t {
      bytes& input = static_cast<wslay_receiver*>(user)->input_;
      if (input.size == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
      }
      size = std::min(size, input.size);
      std::memcpy(to, input.data, size);
      input = input.sub(size, input.size - size);
      return static_cast<ssize_t>(size);
    };
    callbacks.on_msg_recv_callback = [](wslay_event_context_ptr, wslay_event_on_msg_recv_arg const* message,
                                        void* user) {
      static_cast<wslay_receiver*>(user)->got.add(message->msg, message->msg_length);
    };
    wslay_event_context_server_init(&context_, &callbacks, this);
    wslay_event_config_set_max_recv_msg_length(context_, largest);
  }
  ~wslay_receiver() override { wslay_event_context_free(context_); }

  void receive(bytes wire, std::size_t) override {
    input_ = wire;
    if (wslay_event_recv(context_) != 0 || wslay_event_get_read_enabled(context_) == 0)
      give_up("wslay: no more input");
  }

 private:
  wslay_event_context_ptr context_;
  bytes input_;
};

class wslay_sender final : public sender {
 public:
  explicit wslay_sender(end of) {
    wslay_event_callbacks callbacks = {};
    callbacks.send_callback = [](wslay_event_context_ptr, std::uint8_t const* from, std::size_t size, int,
                                 void* user) -> ssize_t {
      use(from);
      static_cast<wslay_sender*>(user)->written += size;
      return static_cast<ssize_t>(size);
    };
    // Keys are the user's affair: from the strong source, a block at a time.
    callbacks.genmask_callback = [](wslay_event_context_ptr, std::uint8_t* key, std::size_t size,
                                    void* user) {
      auto& self = *static_cast<wslay_sender*>(user);
      if (self.keys_left_ < size) {
        if (getentropy(self.keys_.data(), self.keys_.size()) != 0) give_up("wslay: no random bytes");
        self.keys_left_ = self.keys_.size();
      }
      self.keys_left_ -= size;
      std::memcpy(key, self.keys_.data() + self.keys_left_, size);
      return 0;
    };
    (of == end::server ? wslay_event_context_server_init : wslay_event_context_client_init)(&context_,
                                                                                            &callbacks, this);
  }
  ~wslay_sender() override { wslay_event_context_free(context_); }

  void send(bytes payloads, std::size_t size, std::size_t batch) override {
    std::size_t queued = 0;
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      wslay_event_msg const message{WSLAY_BINARY_FRAME, payloads.data + at, size};
      if (wslay_event_queue_msg(context_, &message) != 0) give_up("wslay: cannot queue");
      queued += size;
      if (queued < batch) continue;
      flush();
      queued = 0;
    }
    flush();
  }

 private:
  void flush() {
    if (wslay_event_send(context_) != 0) give_up("wslay: cannot send");
  }

  wslay_event_context_ptr context_;
  std::array<std::uint8_t, 256> keys_;
  std::size_t keys_left_ = 0;
};

receivers const receiving("wslay",
                          [](std::size_t largest) { return std::make_unique<wslay_receiver>(largest); });
senders const sending("wslay", [](end of) { return std::make_unique<wslay_sender>(of); });

}  // namespace
}  // namespace bench
