// kindwire's session with deflate, as the README shows it, and zlib in a bare loop, which bounds all of them.
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "our_end.hpp"
#include "parties.hpp"
#include "workload.hpp"

namespace bench {
namespace {

// One call for each message, with room for all of it, and no frames. What comes in is unmasked and has its
// tail already; what goes out is left where it is.
class bare_zlib final : public compressing_end {
 public:
  explicit bare_zlib(agreement const& on) : takeover_(on.context_takeover), room_(3u << 20) {
    deflateInit2(&out_, on.level, Z_DEFLATED, -15, on.memory_level, Z_DEFAULT_STRATEGY);
    inflateInit2(&in_, -15);
  }
  ~bare_zlib() override {
    deflateEnd(&out_);
    inflateEnd(&in_);
  }

  void receive(bytes wire, std::size_t) override {
    if (messages_.empty()) unmask(wire);
    for (std::string const& each : messages_) {
      give(in_, each.data(), each.size());
      inflate(&in_, Z_SYNC_FLUSH);
      use(room_.data());
      if (!takeover_) inflateReset(&in_);
    }
  }

  void send(bytes payloads, std::size_t size) override {
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      give(out_, payloads.data + at, size);
      deflate(&out_, Z_SYNC_FLUSH);
      use(room_.data());
      if (written != nullptr)
        written->append(reinterpret_cast<char*>(room_.data()), room_.size() - out_.avail_out - 4);
      if (!takeover_) deflateReset(&out_);
    }
  }

 private:
  void give(z_stream& to, void const* data, std::size_t size) {
    to.next_in = const_cast<Bytef*>(static_cast<Bytef const*>(data));
    to.avail_in = static_cast<uInt>(size);
    to.next_out = room_.data();
    to.avail_out = static_cast<uInt>(room_.size());
  }

  void unmask(bytes wire) {
    std::vector<std::byte> copy(wire.size);
    std::memcpy(copy.data(), wire.data, wire.size);
    kw::basic_frame_decoder decoder{kw::role::server};
    decoder.allow_reserved(kw::reserved_bits::of_messages(0x40));
    std::span<std::byte> left = copy;
    while (auto const chunk = decoder.take(left)) {
      kw::mask(chunk.payload, chunk.header->key, chunk.offset);
      messages_.emplace_back(reinterpret_cast<char const*>(chunk.payload.data()), chunk.payload.size());
      messages_.back().append("\0\0\xFF\xFF", 4);
    }
  }

  bool takeover_;
  z_stream out_{};
  z_stream in_{};
  std::vector<Bytef> room_;
  std::vector<std::string> messages_;
};

compressing_ends const ours("ours", [](agreement const& on) {
  kw::deflate::options choice = on.context_takeover ? kw::deflate::full() : kw::deflate::shared();
  choice.level = on.level;
  choice.memory_level = on.memory_level;
  return std::make_unique<our_end>(choice, on);
});
compressing_ends const limit("limit", [](agreement const& on) { return std::make_unique<bare_zlib>(on); });

}  // namespace
}  // namespace bench
