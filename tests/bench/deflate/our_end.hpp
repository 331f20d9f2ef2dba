// kindwire's session with deflate, as the README shows it.
#pragma once

#include <kindwire/deflate.hpp>
#include <kindwire/session.hpp>
#include <memory>
#include <span>

#include "../in_memory/session_input.hpp"
#include "parties.hpp"

namespace bench {

namespace kw = kindwire;

class our_end final : public compressing_end {
 public:
  our_end(kw::deflate::options const& choice, agreement const& on) : text_(on.text) {
    std::shared_ptr<kw::extension_negotiator const> const negotiator = choice;
    extension_ = negotiator->accept({{"permessage-deflate", {}}}).extension;
    session_ = kw::session{kw::role::server, {.max_message_size = 2u << 20}, extension_.get()};
  }

  void receive(bytes wire, std::size_t) override { receive_all(session_, wire, got); }

  void send(bytes payloads, std::size_t size) override {
    constexpr std::size_t batch = 65536;
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      session_.send(text_ ? kw::message_type::text : kw::message_type::binary,
                    std::as_bytes(std::span(payloads.data + at, size)));
      if (session_.output().size() >= batch) flush();
    }
    flush();
  }

 private:
  void flush() {
    auto const output = session_.output();
    use(output.data());
    if (written != nullptr) written->append(reinterpret_cast<char const*>(output.data()), output.size());
    session_.consume(output.size());
  }

  bool text_;
  std::unique_ptr<kw::message_extension> extension_;
  kw::session session_{kw::role::server};
};

}  // namespace bench
