// A session under any bytes from the peer and any actions of the application: it delivers what the reference
// has read, whole or in chunks, what it writes is a valid stream with at most one Close at its end, views
// stay, memory is bounded by the limits, and the end comes once.
#include <sanitizer/allocator_interface.h>

#include <kindwire/session.hpp>

#include <algorithm>
#include <optional>

#include "fuzz.hpp"
#include "support/end.hpp"

namespace kw = kindwire;
using support::operator+=;

namespace {

// What the session itself holds, not the test around it.
struct {
  bool counting = false;
  long held = 0;
  std::size_t largest = 0;  // of one allocation
} memory;

void on_malloc(void const volatile*, std::size_t size) {
  if (!memory.counting) return;
  memory.held += static_cast<long>(size);
  memory.largest = std::max(memory.largest, size);
}

void on_free(void const volatile* place) {
  if (memory.counting && place != nullptr)
    memory.held -= static_cast<long>(__sanitizer_get_allocated_size(const_cast<void const*>(place)));
}

template <class Call>
auto counted(Call call) {
  struct guard {
    guard() { memory.counting = true; }
    ~guard() { memory.counting = false; }
  } counting;
  return call();
}

// Everything that must not change once the session is over.
struct ending {
  std::error_code error;
  kw::close_code code;
  std::string reason;
  bool sent, received, by_peer;
  bool operator==(ending const&) const = default;
};

class driver {
 public:
  driver(kw::role self, kw::session_options options, bool in_chunks)
      : options_(options),
        in_chunks_(in_chunks),
        ws_(self, options),
        peer_(support::peer_of(self)),
        reference_(self, options.max_message_size, options.max_fragments) {}

  void feed(support::bytes const& input) {
    reference_.take(input);
    auto const room = counted([&] { return ws_.prepare(input.size()); });
    std::copy(input.begin(), input.end(), room.begin());
    ws_.commit(input.size());
    most_unread_ = std::max(most_unread_, ws_.unread_size());
  }

  void put(support::bytes const& input) {
    reference_.take(input);
    counted([&] { support::put(ws_, input); });
    most_unread_ = std::max(most_unread_, ws_.unread_size());
  }

  // The way in which this run receives.
  void receive() { in_chunks_ ? poll_some() : poll(); }

  void poll() {
    bool const was_over = ws_.is_over();
    held_.reset();
    answers([&] { view_ = ws_.poll(); });
    if (!view_) return;
    FUZZ_CLAIM(!was_over && !discarded_);
    FUZZ_CLAIM(!gathered_);  // between chunks it gives nothing
    see_view();
    seen_.push_back({view_.type(), *held_});
  }

  void poll_some() {
    bool const was_over = ws_.is_over();
    held_.reset();
    kw::message_chunk chunk;
    answers([&] { chunk = ws_.poll_some(); });
    view_ = chunk ? kw::message(chunk.type(), chunk.bytes()) : kw::message();
    if (!chunk) return;
    FUZZ_CLAIM(!was_over && !discarded_);
    see_view();
    if (kw::is_control(chunk.type())) {
      FUZZ_CLAIM(chunk.first() && chunk.last());
      seen_.push_back({chunk.type(), *held_});
      return;
    }
    FUZZ_CLAIM(chunk.first() != gathered_.has_value());
    FUZZ_CLAIM(chunk.last() || chunk.size() != 0);
    FUZZ_CLAIM(chunk.last() != ws_.receiving_chunks());
    if (chunk.first()) gathered_ = {chunk.type(), {}};
    FUZZ_CLAIM(gathered_->type == chunk.type());
    gathered_->payload += *held_;
    FUZZ_CLAIM(gathered_->payload.size() <= options_.max_message_size);
    if (!chunk.last()) return;
    seen_.push_back(*gathered_);
    gathered_.reset();
  }

  void look_ahead() {
    answers([&] { ws_.look_ahead(); });
  }
  void answer_close() {
    bool const answers_it = ws_.close_received() && !ws_.close_sent() && !ws_.error();
    std::size_t const before = ws_.unread_size();
    answers([&] { ws_.answer_close(); });
    FUZZ_CLAIM(ws_.unread_size() == before);
    if (answers_it) FUZZ_CLAIM(ws_.close_sent() && ws_.state() == kw::session_state::closed);
  }
  void discard() {
    discarded_ = true;
    answers([&] { ws_.discard(); });
  }
  void end_of_input() {
    if (!ws_.close_received()) cut_off_ = true;
    bool const over = ws_.is_over();
    std::size_t const before = ws_.unread_size();
    counted([&] { ws_.end_of_input(); });
    FUZZ_CLAIM(ws_.state() == kw::session_state::closed);
    // A Close that was seen makes it no loss, and what came before it stays.
    if (ws_.close_received() && !over) FUZZ_CLAIM(ws_.unread_size() == before);
  }
  void fail(bool of_the_system) {
    cut_off_ = true;
    failed_ = failed_ || ws_.state() != kw::session_state::closed;
    std::error_code why = kw::error::idle_timeout;
    if (of_the_system) why = std::make_error_code(std::errc::io_error);
    counted([&] { ws_.fail(why); });
  }
  void close(unsigned code, std::string_view reason) {
    counted([&] { ws_.close(static_cast<kw::close_code>(code), reason); });
  }
  void send(kw::message_type type, support::bytes const& payload, bool fin) {
    std::size_t const before = ws_.output().size();
    auto const wrong = counted([&] { return ws_.send(type, payload, fin); });
    FUZZ_CLAIM(wrong ? ws_.output().size() == before : ws_.output().size() > before || ws_.close_sent());
  }
  void send_with(support::bytes const& payload, bool gives_up) {
    std::size_t const before = ws_.output().size();
    auto const wrong = counted([&] {
      return ws_.send_with(kw::message_type::binary, [&](kw::buffer& to) {
        to.append(payload);
        return !gives_up;
      });
    });
    FUZZ_CLAIM(wrong ? ws_.output().size() == before : ws_.output().size() > before + payload.size());
  }
  void write(std::size_t most) {
    auto const part = ws_.output().first(std::min(ws_.output().size(), most));
    peer_.take(part);
    written_ += part.size();
    answered_ = 0;
    counted([&] { ws_.consume(part.size()); });
  }
  void write_all() {
    auto const all = counted([&] { return ws_.take_output(); });
    peer_.take(all.bytes());
    written_ += all.size();
    answered_ = 0;
  }

  // After each step.
  void check() {
    most_output_ = std::max(most_output_, ws_.output().size());
    if (held_)
      FUZZ_CLAIM(std::equal(held_->begin(), held_->end(), view_.bytes().begin(), view_.bytes().end()));
    FUZZ_CLAIM(!ws_.is_over() || ws_.state() == kw::session_state::closed);
    if (ws_.error()) FUZZ_CLAIM(ws_.state() == kw::session_state::closed && (failed_ || ws_.is_over()));
    if (ended_) {
      FUZZ_CLAIM(ws_.is_over() && *ended_ == end());
    } else if (ws_.is_over()) {
      ended_ = end();
    }
    if (ws_.state() == kw::session_state::closed && !ws_.error())
      FUZZ_CLAIM(ws_.close_sent() && ws_.close_received());
    // An error beside the peer's Close is one that came later: the Close was seen behind unread messages. Or
    // it was itself unread when we failed the connection.
    if (ws_.error() && ws_.close_received()) FUZZ_CLAIM(close_seen_ || failed_);
    if (ws_.close_received() && !ws_.error()) close_seen_ = true;
    if (close_seen_) FUZZ_CLAIM(ws_.close_received());
    // A few blocks, each at most twice what it has to hold, and what they grew out of.
    std::size_t const limit = 4096 + options_.max_message_size + most_unread_ + most_output_;
    FUZZ_CLAIM(memory.largest <= 4 * limit);
    FUZZ_CLAIM(memory.held <= static_cast<long>(16 * limit));
  }

  // All that came is polled, all output written.
  void finish() {
    do {
      receive();
      check();
    } while (view_);
    FUZZ_CLAIM(options_.autoping == false || support::only(seen_, kw::opcode::ping).empty());
    auto expected = reference_.events;
    if (options_.autoping)
      std::erase_if(expected, [](auto const& each) { return kw::is_control(each.type); });
    FUZZ_CLAIM(seen_.size() <= expected.size() && std::equal(seen_.begin(), seen_.end(), expected.begin()));
    if (!discarded_ && !cut_off_) {
      FUZZ_CLAIM(seen_ == expected);
      if (reference_.violation != kw::error{}) FUZZ_CLAIM(ws_.error() == reference_.violation);
      FUZZ_CLAIM(ws_.close_received() == reference_.closed || (close_seen_ && ws_.error()));
      FUZZ_CLAIM((ws_.state() == kw::session_state::closed) ==
                 (reference_.closed || reference_.violation != kw::error{}));
    }
    // Behind a message that breaks a rule the reference reads no further, and sees no Close.
    if (ws_.close_received() && !discarded_ && reference_.violation == kw::error{}) {
      FUZZ_CLAIM(reference_.closed && static_cast<unsigned>(ws_.close_code()) == reference_.close_code);
    }
    while (!ws_.output().empty()) write(ws_.output().size());
    FUZZ_CLAIM(peer_.violation == kw::error{});
    FUZZ_CLAIM(peer_.closed == ws_.close_sent() && peer_.taken == written_);
    if (peer_.closed) FUZZ_CLAIM(peer_.close_code == static_cast<unsigned>(ws_.sent_close_code()));
  }

 private:
  // What the peer's bytes make us write is bounded, however many they are: pongs up to the limit, one over
  // it, one Close.
  template <class Call>
  void answers(Call call) {
    std::size_t const before = ws_.output().size();
    counted(call);
    answered_ += ws_.output().size() - before;
    constexpr std::size_t largest_control_frame = 2 + 4 + 125;
    FUZZ_CLAIM(answered_ <= options_.max_queued_pongs + 2 * largest_control_frame);
  }

  void see_view() {
    FUZZ_CLAIM(view_.size() <= std::max<std::size_t>(options_.max_message_size, 125));
    held_ = support::copy(view_.bytes());
    FUZZ_CLAIM(support::text(view_.text()) == *held_);
    FUZZ_CLAIM(view_.is_text() == (view_.type() == kw::message_type::text));
    FUZZ_CLAIM(view_.is_binary() == (view_.type() == kw::message_type::binary));
  }

  ending end() const {
    return {ws_.error(),      ws_.close_code(),     std::string(ws_.close_reason()),
            ws_.close_sent(), ws_.close_received(), ws_.closed_by_peer()};
  }

  kw::session_options options_;
  bool in_chunks_;
  kw::session ws_;
  support::reference_receiver peer_;       // reads what we write
  support::reference_receiver reference_;  // reads what we are given
  std::vector<support::reference_event> seen_;
  kw::message view_;
  std::optional<support::bytes> held_;                // what the view has to show
  std::optional<support::reference_event> gathered_;  // of the message that comes in chunks
  std::optional<ending> ended_;
  std::size_t written_ = 0;
  std::size_t answered_ = 0;  // since the last write
  std::size_t most_unread_ = 0, most_output_ = 0;
  bool discarded_ = false;
  bool close_seen_ = false;
  bool failed_ = false;   // by fail()
  bool cut_off_ = false;  // by ourselves
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static int const hooked = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
  FUZZ_CLAIM(hooked != 0);
  memory.held = 0;
  memory.largest = 0;

  fuzz::source from(data, size);
  kw::role const self = from.flag() ? kw::role::server : kw::role::client;
  kw::session_options options;
  options.max_message_size = from.byte() * 16;
  options.max_fragments = 1 + from.byte() % 8;
  options.max_queued_pongs = 64;
  unsigned const choices = from.byte();
  options.autoping = (choices & 1) != 0;
  driver run(self, options, (choices & 2) != 0);

  while (!from.empty()) {
    switch (from.byte() % 14) {
      case 0:
      case 1:
      case 2: run.feed(from.take(from.byte())); break;
      case 3: run.put(from.take(from.byte())); break;
      case 4: run.receive(); break;
      case 5: run.poll(); break;
      case 6: run.look_ahead(); break;
      case 7: {
        support::bytes const payload = from.take(from.byte());
        bool const continues = !from.flag();
        run.send(continues ? kw::message_type::continuation : kw::message_type::binary, payload, from.flag());
        break;
      }
      case 8: run.send(kw::message_type::ping, from.take(from.byte()), true); break;
      case 9: run.write(from.byte()); break;
      case 10: {
        unsigned const code = 1000 + from.byte() * 17;
        run.close(code, "");
        break;
      }
      case 11:
        switch (from.byte() % 8) {
          case 0: run.discard(); break;
          case 1: run.end_of_input(); break;
          case 2: run.fail(from.flag()); break;
          case 3: run.write_all(); break;
          case 4: run.send(kw::message_type::close, from.take(from.byte()), from.flag()); break;
          case 5: run.send_with(from.take(from.byte()), from.flag()); break;
          case 6: {
            // Any type, defined or not; but text, whose fragments would have to be UTF-8 together.
            unsigned const type = from.byte() % 16;
            run.send(static_cast<kw::message_type>(type == 1 ? 2 : type), {}, from.flag());
            break;
          }
          default: run.answer_close(); break;
        }
        break;
      case 12: {
        // A flood: what is given comes many times, and is polled.
        support::bytes const input = from.take(from.byte());
        for (unsigned times = from.byte() % 64; times != 0; --times) {
          run.feed(input);
          run.receive();
          run.check();
        }
        break;
      }
      case 13: run.close(1000 + from.byte() * 17, "why \xe2\x82\xac"); break;
    }
    run.check();
  }
  run.finish();
  return 0;
}
