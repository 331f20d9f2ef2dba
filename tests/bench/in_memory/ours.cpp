// kindwire's session, used as README.md shows it, and memcpy, which bounds all of them.
#include <cstring>
#include <kindwire/session.hpp>
#include <utility>
#include <vector>

#include "parties.hpp"
#include "session_input.hpp"

namespace kw = kindwire;

namespace bench {

namespace {

class our_receiver final : public receiver {
 public:
  explicit our_receiver(std::size_t largest)
      : session_(kw::role::server, {.max_message_size = largest, .max_fragments = SIZE_MAX}) {}

  void receive(bytes wire, std::size_t) override { receive_all(session_, wire, got); }

 private:
  kw::session session_;
};

class our_sender final : public sender {
 public:
  explicit our_sender(end of) : session_(of == end::server ? kw::role::server : kw::role::client) {}

  void send(bytes payloads, std::size_t size, std::size_t batch) override {
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      session_.send(kw::message_type::binary, std::as_bytes(std::span(payloads.data + at, size)));
      if (session_.output().size() >= batch) flush();
    }
    flush();
  }

 private:
  void flush() {
    written += session_.output().size();
    use(session_.output().data());
    session_.consume(session_.output().size());
  }

  kw::session session_;
};

class copying_receiver final : public receiver {
 public:
  void receive(bytes wire, std::size_t) override {
    for (std::size_t at = 0; at < wire.size; at += read_size) {
      std::memcpy(room_.data(), wire.data + at, std::min(wire.size - at, read_size));
      use(room_.data());
    }
  }

 private:
  std::vector<unsigned char> room_ = std::vector<unsigned char>(read_size);
};

class copying_sender final : public sender {
 public:
  void send(bytes payloads, std::size_t size, std::size_t batch) override {
    if (room_.size() < batch + size) room_.resize(batch + size);
    std::size_t queued = 0;
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      std::memcpy(room_.data() + queued, payloads.data + at, size);
      queued += size;
      if (queued < batch) continue;
      use(room_.data());
      queued = 0;
    }
    use(room_.data());
  }

 private:
  std::vector<unsigned char> room_;
};

// The least that a server's end can do for a frame: looks for room, writes a header, copies. No state, no
// checks, one type. What is slower than memcpy here cannot be faster anywhere.
class by_hand_sender final : public sender {
 public:
  void send(bytes payloads, std::size_t size, std::size_t batch) override {
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      if (room_.size() - queued_ < size + 10) room_.resize(2 * (queued_ + size + 10));
      unsigned char* to = room_.data() + queued_;
      *to++ = 0x82;
      if (size <= 125) {
        *to++ = static_cast<unsigned char>(size);
      } else {
        int const wide = size <= 0xFFFF ? 2 : 8;
        *to++ = wide == 2 ? 126 : 127;
        for (int index = wide - 1; index >= 0; --index)
          *to++ = static_cast<unsigned char>(size >> (8 * index));
      }
      std::memcpy(to, payloads.data + at, size);
      queued_ = static_cast<std::size_t>(to - room_.data()) + size;
      if (queued_ >= batch) flush();
    }
    flush();
  }

 private:
  void flush() {
    use(room_.data());
    written += std::exchange(queued_, 0);
  }

  std::vector<unsigned char> room_;
  std::size_t queued_ = 0;
};

receivers const receiving("ours",
                          [](std::size_t largest) { return std::make_unique<our_receiver>(largest); });
receivers const receive_limit("limit", [](std::size_t) { return std::make_unique<copying_receiver>(); });
senders const sending("ours", [](end of) { return std::make_unique<our_sender>(of); });
senders const send_limit("limit", [](end) { return std::make_unique<copying_sender>(); });
senders const sending_by_hand("by_hand", [](end of) {
  return of == end::server ? std::make_unique<by_hand_sender>() : nullptr;
});

}  // namespace
}  // namespace bench
