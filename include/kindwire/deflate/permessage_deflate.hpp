// permessage-deflate at work on one connection, RFC 7692 §6 and §7.2.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "../error.hpp"
#include "../message/buffer.hpp"
#include "../message/extension.hpp"
#include "contexts.hpp"
#include "deflater.hpp"
#include "inflater.hpp"
#include "options.hpp"
#include "parameters.hpp"

namespace kindwire::deflate::detail {

// What both ends have agreed on, as one of them sees it.
struct terms {
  bool context_takeover = false;  // of what we send
  bool peer_context_takeover = false;
  int window_bits = 15;  // 8 to 15: of what we send
  int peer_window_bits = 15;

  friend bool operator==(terms const&, terms const&) = default;
};

// What it takes to compress on these terms.
inline deflater_shape shape_of(terms const& agreed, options const& own) noexcept {
  return {own.compressor, agreed.window_bits, own.memory_level, own.level};
}

// Compresses messages for connections that keep no window of the same size.
class encoder final : public message_encoder {
 public:
  void set(deflate::options const& of, int window_bits) noexcept {
    options_ = &of;
    window_bits_ = window_bits;
  }

  std::optional<bool> encode(message_type, std::span<std::byte const> payload, buffer& to) const override {
    if (payload.empty() || payload.size() < options_->threshold) return false;
    auto context = contexts::take_deflater(shape_of({.window_bits = window_bits_}, *options_));
    if (!context) return std::nullopt;
    bool const shorter = context->deflate(payload, true, payload.size(), to);
    contexts::give(std::move(context));
    return shorter;
  }

 private:
  deflate::options const* options_ = nullptr;
  int window_bits_ = 0;
};

// What connections with the same options share.
struct service {
  deflate::options options;
  std::atomic<std::size_t> promised{0};  // bytes that connections may come to keep
  std::array<encoder, widest_window_bits - narrowest_deflatable_bits + 1> encoders;

  explicit service(deflate::options const& given) noexcept : options(given) {
    for (int bits = narrowest_deflatable_bits; bits <= widest_window_bits; ++bits)
      of(bits).set(options, bits);
  }
  service(service const&) = delete;
  service& operator=(service const&) = delete;

  encoder& of(int window_bits) noexcept {
    return encoders[static_cast<std::size_t>(window_bits - narrowest_deflatable_bits)];
  }
};

// The most that a connection keeps on these terms, by what the libraries document, rounded up.
inline std::size_t kept_memory(terms const& agreed, options const& own) noexcept {
  constexpr std::size_t rest = std::size_t{8} << 10;  // zlib's state, and ours
  std::size_t result = 0;
  if (agreed.context_takeover) result += own.compressor->memory(shape_of(agreed, own));
  if (agreed.peer_context_takeover) result += (std::size_t{1} << agreed.peer_window_bits) + rest;
  return result;
}

// Contexts are made for the first message that needs them. Without takeover they go back to the thread after
// each.
class permessage_deflate final : public message_extension {
 public:
  static constexpr std::uint8_t compressed_bit = 0x40;  // §6: RSV1

  permessage_deflate(std::shared_ptr<service> of, terms const& agreed) noexcept
      : message_extension(compressed_bit),
        service_(std::move(of)),
        agreed_(agreed),
        promised_(kept_memory(agreed, service_->options)) {
    service_->promised.fetch_add(promised_, std::memory_order_relaxed);
  }
  ~permessage_deflate() override { service_->promised.fetch_sub(promised_, std::memory_order_relaxed); }

  terms const& agreed() const noexcept { return agreed_; }

  // Literals take up to nine bits each (RFC 1951 §3.2.6): a compressor that does not notice makes an eighth
  // more of them. Blocks have heads, and each frame may end in a flush.
  std::size_t longest_encoding(std::size_t size, std::size_t frames) const noexcept override {
    constexpr std::size_t for_blocks = 1024;
    constexpr std::size_t for_a_frame = 16;
    std::size_t const flushes = (std::min)(frames, SIZE_MAX / 4 / for_a_frame) * for_a_frame;
    std::size_t const more = size / 8 + for_blocks + flushes;
    return size + (std::min)(more, SIZE_MAX - size);
  }

  error decode(std::span<std::byte const>& input, std::span<std::byte>& room, bool last) override {
    if (!inflater_) {
      int const bits = (std::max)(agreed_.peer_window_bits, narrowest_deflatable_bits);
      inflater_ = agreed_.peer_context_takeover ? inflater::make(bits) : contexts::take_inflater();
      if (!inflater_) out_of_memory();
    }
    error const wrong = inflater_->inflate(input, room, last);
    if (wrong != error{}) {
      inflater_.reset();
    } else if (last && !room.empty() && !agreed_.peer_context_takeover) {
      contexts::give(std::move(inflater_));
    }
    return wrong;
  }

  void stop_decoding() noexcept override {
    if (!inflater_) return;
    agreed_.peer_context_takeover ? inflater_.reset() : contexts::give(std::move(inflater_));
  }

  bool encode(message_type type, std::span<std::byte const> payload, bool fin, compress how,
              buffer& to) override {
    if (type == message_type::continuation) {
      if (!compressing_) return false;
      if (!have_deflater()) out_of_memory();
      encode_part(payload, fin, to);
      compressing_ = !fin;
      return true;
    }
    compressing_ = false;
    habit& usual = habits_[type == message_type::text ? 0 : 1];
    if (how == compress::no || !is_worth_it(usual, payload.size(), fin) || !have_deflater()) return false;
    if (fin) return encode_whole(usual, payload, to);
    encode_part(payload, false, to);
    compressing_ = true;
    return true;
  }

  std::shared_ptr<message_encoder const> encoder() const noexcept override {
    if (agreed_.context_takeover || agreed_.window_bits < narrowest_deflatable_bits) return nullptr;
    return {service_, &service_->of(agreed_.window_bits)};
  }

  std::size_t memory() const noexcept override {
    return (deflater_ ? deflater_->memory() : 0) + (inflater_ ? inflater_->memory() : 0);
  }

  // What the peer may refer to must stay. What we may refer to need not: we can begin anew.
  void rest() noexcept override {
    bool const used = std::exchange(used_, false);
    if (deflater_ && !compressing_ && !used) contexts::give(std::move(deflater_));
  }

 private:
  // What became of messages of one type. Each that does not shrink doubles how many of the next are sent as
  // they are.
  struct habit {
    std::uint8_t failures = 0;
    std::uint8_t to_skip = 0;

    void succeeded() noexcept { failures = to_skip = 0; }
    void failed() noexcept {
      constexpr std::uint8_t most = 6;
      failures = (std::min)(static_cast<std::uint8_t>(failures + 1), most);
      to_skip = static_cast<std::uint8_t>((1u << failures) - 1);
    }
  };

  // Puts the context back into step, or away, if a frame is not sent.
  struct unsent_frame {
    permessage_deflate* self;
    ~unsent_frame() {
      if (self == nullptr || !self->deflater_) return;
      bool const stays = self->agreed_.context_takeover || self->compressing_;
      stays ? self->deflater_->reset() : contexts::give(std::move(self->deflater_));
    }
  };

  bool is_worth_it(habit& usual, std::size_t size, bool whole) noexcept {
    if (agreed_.window_bits < narrowest_deflatable_bits) return false;
    if (whole && (size == 0 || size < service_->options.threshold)) return false;
    if (usual.to_skip == 0) return true;
    --usual.to_skip;
    return false;
  }

  // False if that does not make it shorter.
  bool encode_whole(habit& usual, std::span<std::byte const> payload, buffer& to) {
    unsent_frame guard{this};
    std::size_t const start = to.size();
    bool const shorter = deflater_->deflate(payload, true, payload.size(), to);
    bool const much_shorter = shorter && to.size() - start <= payload.size() - payload.size() / 16;
    much_shorter ? usual.succeeded() : usual.failed();
    if (!shorter) return false;
    guard.self = nullptr;
    end_message();
    return true;
  }

  void encode_part(std::span<std::byte const> payload, bool fin, buffer& to) {
    unsent_frame guard{this};
    deflater_->deflate(payload, fin, SIZE_MAX, to);
    guard.self = nullptr;
    if (fin) end_message();
  }

  bool have_deflater() noexcept {
    if (!deflater_) deflater_ = contexts::take_deflater(shape_of(agreed_, service_->options));
    used_ = deflater_ != nullptr;
    return used_;
  }

  void end_message() noexcept {
    if (!agreed_.context_takeover) contexts::give(std::move(deflater_));
  }

  std::shared_ptr<service> service_;
  std::unique_ptr<deflater> deflater_;
  std::unique_ptr<inflater> inflater_;
  terms agreed_;
  std::size_t promised_;
  std::array<habit, 2> habits_;
  bool compressing_ = false;  // the message being sent
  bool used_ = false;         // to send, since the last rest()
};

}  // namespace kindwire::deflate::detail
