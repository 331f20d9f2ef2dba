#include <kindwire/net/connection/mailbox_place.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/execution/context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace mailbox_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::message_type;
using kw::net::detail::encoding;
using kw::net::detail::mailbox;
using kw::net::detail::mailbox_place;

namespace {

constexpr std::size_t much = std::size_t{1} << 30;

std::span<std::byte const> bytes(std::string_view text) { return kw::detail::as_bytes(text); }

// What a connection does with its mail, without a connection: all that it takes is queued.
struct owner : std::enable_shared_from_this<owner> {
  using mail = std::pair<message_type, std::string>;

  std::shared_ptr<mailbox> open(asio::any_io_executor const& executor, std::size_t hard_mark = much) {
    return place.open(*this, executor, hard_mark);
  }

  void mail_arrived() {
    ++arrivals;
    if (takes) take();
  }

  void take() {
    place.take(
        inside_message,
        [this](message_type type, std::span<std::byte const> payload, encoding coding) {
          if (coding == encoding::unwanted && !kw::is_control(type)) ++plain;
          if (on_mail) on_mail();
          got.emplace_back(type, kw::message(type, payload).text());
          queued += payload.size();
        },
        [this] { return queued; });
  }

  std::string texts() const {
    std::string all;
    for (auto const& [type, text] : got) all += text + " ";
    return all;
  }

  bool takes = true;
  bool inside_message = false;
  std::function<void()> on_mail;
  std::vector<mail> got;
  int plain = 0;  // of them, with compress::no
  std::size_t queued = 0;
  int arrivals = 0;
  mailbox_place place;
};

// An executor that finds no memory when it is told so.
struct scarce_executor {
  asio::io_context* io;
  bool const* none;

  asio::execution_context& query(asio::execution::context_t) const noexcept { return *io; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  template <class Work>
  void execute(Work work) const {
    if (*none) throw std::bad_alloc();
    asio::post(*io, std::move(work));
  }
  bool operator==(scarce_executor const&) const noexcept = default;
};

// How many handlers there were to run.
std::size_t settle(asio::io_context& io) {
  io.restart();
  return io.poll();
}

}  // namespace

TEST_CASE("mailbox: what is handed over comes in order, whatever its type and size") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  std::vector<owner::mail> sent;
  for (std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 7, 8, 9, 125, 126, 1015, 1016, 1017, 65535, 65536, 1 << 20}) {
    for (auto type : {message_type::text, message_type::binary, message_type::ping}) {
      if (kw::is_control(type) && size > 125) continue;
      sent.emplace_back(type, std::string(size, static_cast<char>('a' + sent.size() % 26)));
      CHECK(!box->send(type, bytes(sent.back().second)));
    }
  }
  CHECK(to->got.empty());
  settle(io);
  CHECK(to->got == sent);
  CHECK(to->plain == 0);
  CHECK(!box->has_mail());
  CHECK(box->size() == 0);
}

TEST_CASE("mailbox: whether a message may be compressed comes along") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  CHECK(!box->send(message_type::text, bytes("a"), kw::compress::no));
  settle(io);
  CHECK(to->plain == 1);
  CHECK(!box->send(message_type::binary, bytes(std::string(300, 'b')), kw::compress::yes));
  CHECK(!box->send_encoded(
      message_type::text, [](kw::buffer& sink) { return sink.append("c", 1), true; }, kw::compress::no));
  settle(io);
  CHECK(to->plain == 2);
  CHECK(to->got == std::vector<owner::mail>{{message_type::text, "a"},
                                            {message_type::binary, std::string(300, 'b')},
                                            {message_type::text, "c"}});
}

TEST_CASE("mailbox: a value is encoded by the sender") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor(), 100);
  CHECK(!box->send_encoded(message_type::text, [](kw::buffer& sink) {
    sink.append("value", 5);
    return true;
  }));
  CHECK(box->send_encoded(message_type::text, [](kw::buffer&) { return false; }) ==
        kw::error::invalid_argument);
  CHECK(box->send_encoded(message_type::text, [](kw::buffer&) -> bool { throw std::bad_alloc(); }) ==
        std::errc::not_enough_memory);
  CHECK_THROWS_AS(static_cast<void>(box->send_encoded(
                      message_type::text, [](kw::buffer&) -> bool { throw std::runtime_error("no"); })),
                  std::runtime_error);
  // It may send on its own: no lock is held meanwhile.
  CHECK(!box->send_encoded(message_type::text, [&](kw::buffer& sink) {
    sink.append("outer", 5);
    return !box->send(message_type::text, bytes("inner"));
  }));
  settle(io);
  CHECK(to->texts() == "value inner outer ");
}

TEST_CASE("mailbox: its owner is woken once for all that waits") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  for (int i = 0; i != 100; ++i) CHECK(!box->send(message_type::text, bytes("a")));
  CHECK(settle(io) == 1);
  CHECK(to->arrivals == 1);
  CHECK(to->got.size() == 100);
  CHECK(!box->send(message_type::text, bytes("b")));
  // An owner that was there before needs no second one for what comes after.
  to->take();
  CHECK(!box->send(message_type::text, bytes("c")));
  CHECK(settle(io) == 1);
  CHECK(to->got.size() == 102);
}

TEST_CASE("mailbox: mail is seen at once, by an owner that looks before it sends") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  CHECK(!to->place.has_mail());
  CHECK(!to->place.is_open());
  auto const box = to->open(io.get_executor());
  CHECK(to->open(io.get_executor()) == box);
  CHECK(!to->place.has_mail());
  CHECK(!box->send(message_type::text, {}));
  CHECK(to->place.has_mail());
  to->take();
  CHECK(!to->place.has_mail());
  CHECK(to->got.size() == 1);
}

TEST_CASE("mailbox: messages count with what it costs to keep them") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  constexpr std::size_t each = mailbox::overhead + 1;
  auto const box = to->open(io.get_executor(), 10 * each);
  for (int i = 0; i != 10; ++i) CHECK(!box->send(message_type::text, bytes("x")));
  CHECK(box->send(message_type::text, bytes("x")) == kw::error::send_queue_full);
  CHECK(box->send(message_type::text, {}) == kw::error::send_queue_full);
  CHECK(box->size() == 10 * each);
  bool encoded = false;
  CHECK(box->send_encoded(message_type::text, [&](kw::buffer&) { return encoded = true; }) ==
        kw::error::send_queue_full);
  CHECK(!encoded);
}

TEST_CASE("mailbox: what is refused takes no room, and the last byte of the room can be had") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor(), 100);
  std::string const some(60 - mailbox::overhead, 'x'), rest(40 - mailbox::overhead, 'x');
  CHECK(!box->send(message_type::text, bytes(some)));
  for (int i = 0; i != 10; ++i) {
    CHECK(box->send(message_type::text, bytes(rest + "x")) == kw::error::send_queue_full);
  }
  CHECK(!box->send(message_type::text, bytes(rest)));
  CHECK(box->size() == 100);
}

TEST_CASE("mailbox: a message of any size is let in where nothing is queued") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor(), 100);
  std::string const large(1000, 'x');
  box->set_queued(1);
  CHECK(box->send(message_type::text, bytes(large)) == kw::error::send_queue_full);
  box->set_queued(0);
  CHECK(!box->send(message_type::text, bytes(large)));
  CHECK(box->send(message_type::text, bytes("x")) == kw::error::send_queue_full);
  settle(io);
  CHECK(box->send(message_type::text, bytes("x")) == kw::error::send_queue_full);
  box->set_queued(0);
  CHECK(!box->send(message_type::text, bytes(large)));
}

TEST_CASE("mailbox: what its owner has queued counts, and what it has written does not") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor(), 100);
  for (std::size_t const queued : {std::size_t{100}, std::size_t{101}, std::size_t{1000}}) {
    box->set_queued(queued);
    CHECK(box->send(message_type::text, {}) == kw::error::send_queue_full);
  }
  box->set_queued(100 - mailbox::overhead);
  CHECK(!box->send(message_type::text, {}));
  CHECK(box->send(message_type::text, {}) == kw::error::send_queue_full);
  box->set_queued(0);
  CHECK(!box->send(message_type::text, {}));
}

TEST_CASE("mailbox: while mail is taken there is no moment in which it counts nowhere") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  constexpr std::size_t each = mailbox::overhead + 20;
  auto const box = to->open(io.get_executor(), 5 * each);
  std::string const text(20, 'x');
  for (int i = 0; i != 5; ++i) CHECK(!box->send(message_type::text, bytes(text)));
  to->on_mail = [&] { CHECK(box->send(message_type::text, bytes(text)) == kw::error::send_queue_full); };
  settle(io);
  CHECK(to->got.size() == 5);
  // In the owner's queue they lie without our overhead: that much room there is, and no more.
  CHECK(!box->send(message_type::text, bytes(text)));
  CHECK(box->send(message_type::text, bytes(text)) == kw::error::send_queue_full);
}

TEST_CASE("mailbox: what put() throws at stays, first of all that waits, and counts") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  to->takes = false;
  constexpr std::size_t each = mailbox::overhead + 1;
  auto const box = to->open(io.get_executor(), 3 * each);
  for (auto const* text : {"1", "2", "3"}) CHECK(!box->send(message_type::text, bytes(text)));
  to->on_mail = [&] {
    if (to->got.size() == 1) throw std::bad_alloc();
  };
  CHECK_THROWS_AS(to->take(), std::bad_alloc);
  CHECK(to->texts() == "1 ");
  CHECK(box->has_mail());
  CHECK(box->size() == 2 * each);
  CHECK(!box->send(message_type::text, {}));
  CHECK(box->send(message_type::text, bytes("4")) == kw::error::send_queue_full);
  CHECK_THROWS_AS(to->take(), std::bad_alloc);
  // Nothing of it may stand in a message that the owner has begun meanwhile.
  to->inside_message = true;
  to->on_mail = nullptr;
  to->take();
  CHECK(to->texts() == "1 ");
  to->inside_message = false;
  to->take();
  CHECK(to->texts() == "1 2 3  ");
  CHECK(!box->has_mail());
}

TEST_CASE("mailbox: where its owner cannot be woken nothing is accepted, and the next one wakes it") {
  asio::io_context io;
  bool none = false;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(scarce_executor{&io, &none}, 100);
  none = true;
  CHECK(box->send(message_type::text, bytes("lost")) == std::errc::not_enough_memory);
  CHECK(box->close(kw::close_code::normal, "") == std::errc::not_enough_memory);
  CHECK(!box->has_mail());
  CHECK(box->size() == 0);
  none = false;
  CHECK(!box->send(message_type::text, bytes("first")));
  none = true;
  CHECK(!box->send(message_type::text, bytes("second")));  // it is on its way
  settle(io);
  CHECK(to->texts() == "first second ");

  // The same where something waits: it stays.
  to->inside_message = true;
  none = false;
  CHECK(!box->send(message_type::text, bytes("held")));
  settle(io);
  none = true;
  CHECK(box->send(message_type::ping, bytes("ping")) == std::errc::not_enough_memory);
  CHECK(!box->send(message_type::text, bytes("held too")));
  none = false;
  CHECK(!box->send(message_type::pong, bytes("pong")));
  settle(io);
  CHECK(to->texts() == "first second pong ");
  to->inside_message = false;
  to->take();
  CHECK(to->texts() == "first second pong held held too ");
}

TEST_CASE("mailbox: a message that there is no memory for is refused, and nothing else is lost") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  CHECK(!box->send(message_type::text, bytes("kept")));
  // As long as no address space is: it is not read, since the block for it comes first.
  char const one = 0;
  std::span<std::byte const> const endless(reinterpret_cast<std::byte const*>(&one), SIZE_MAX / 8);
  auto const refused = box->send(message_type::text, endless);
  CHECK((refused == std::errc::not_enough_memory || refused == kw::error::send_queue_full));
  settle(io);
  CHECK(to->texts() == "kept ");
}

TEST_CASE("mailbox: once it is shut nothing gets in, and its owner is not called") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  CHECK(!box->send(message_type::text, bytes("late")));
  to->place.shut();
  CHECK(!box->has_mail());
  CHECK(box->send(message_type::text, bytes("x")) == kw::error::closed);
  CHECK(box->send_encoded(message_type::text, [](kw::buffer&) { return true; }) == kw::error::closed);
  CHECK(box->close(kw::close_code::normal, "") == kw::error::closed);
  settle(io);
  CHECK(to->arrivals == 0);
  to->take();
  CHECK(to->got.empty());
  to->place.shut();
}

TEST_CASE("mailbox: shut from inside of put() it drops the rest") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  for (auto const* text : {"1", "2", "3"}) CHECK(!box->send(message_type::text, bytes(text)));
  to->on_mail = [&] { to->place.shut(); };
  settle(io);
  CHECK(to->texts() == "1 ");
  CHECK(!box->has_mail());
  CHECK(box->send(message_type::text, bytes("x")) == kw::error::closed);
}

TEST_CASE("mailbox: to take from inside of put() does nothing") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  for (auto const* text : {"1", "2"}) CHECK(!box->send(message_type::text, bytes(text)));
  int calls = 0;
  to->on_mail = [&] {
    if (++calls == 1) CHECK(!box->send(message_type::text, bytes("3")));
    to->take();
  };
  settle(io);
  CHECK(to->texts() == "1 2 3 ");
}

TEST_CASE("mailbox: sealed, it keeps what it has and takes no more") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  CHECK(!box->send(message_type::text, bytes("in time")));
  to->place.seal();
  CHECK(box->send(message_type::text, bytes("late")) == kw::error::closed);
  CHECK(box->close(kw::close_code::normal, "") == kw::error::closed);
  to->take();
  CHECK(to->texts() == "in time ");
}

TEST_CASE("mailbox: a Close comes last, and always finds room") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor(), 20);
  CHECK(!box->send(message_type::text, bytes("bye, all")));
  CHECK(box->send(message_type::text, bytes("full")) == kw::error::send_queue_full);
  CHECK(box->close(static_cast<kw::close_code>(1005), "x") == kw::error::invalid_argument);
  CHECK(box->close(kw::close_code::normal, std::string(124, 'x')) == kw::error::invalid_argument);
  CHECK(!box->close(kw::close_code::going_away, "enough"));
  CHECK(box->send(message_type::text, bytes("late")) == kw::error::closed);
  CHECK(box->close(kw::close_code::normal, "") == kw::error::closed);
  settle(io);
  REQUIRE(to->got.size() == 2);
  CHECK(to->got[0].second == "bye, all");
  CHECK(to->got[1] == owner::mail{message_type::close,
                                  "\x03\xE9"
                                  "enough"});
}

TEST_CASE("mailbox: a Close of no_status has no body") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor());
  CHECK(!box->close(kw::close_code::no_status, ""));
  settle(io);
  CHECK(to->got == std::vector{owner::mail{message_type::close, ""}});
}

TEST_CASE("mailbox: only control frames go into the owner's own fragmented message") {
  asio::io_context io;
  auto const to = std::make_shared<owner>();
  auto const box = to->open(io.get_executor(), 1000);
  to->inside_message = true;
  SUBCASE("the rest waits, in order and counted, and the owner is not woken for it again") {
    CHECK(!box->send(message_type::ping, bytes("a")));
    CHECK(!box->send(message_type::text, bytes("1")));
    CHECK(!box->send(message_type::pong, bytes("b")));
    CHECK(!box->send(message_type::binary, bytes("2")));
    settle(io);
    CHECK(to->texts() == "a b ");
    CHECK(box->size() == 2 * (mailbox::overhead + 1));
    CHECK(!box->send(message_type::text, bytes("3")));
    CHECK(settle(io) == 0);
    CHECK(!box->send(message_type::ping, bytes("c")));
    settle(io);
    CHECK(to->texts() == "a b c ");
    CHECK(!box->close(kw::close_code::normal, ""));
    CHECK(settle(io) == 0);
    CHECK(to->got.size() == 3);
    CHECK(box->has_mail());
    to->inside_message = false;
    to->take();
    CHECK(to->texts() == "a b c 1 2 3 \x03\xE8 ");
    CHECK(!box->has_mail());
  }
  SUBCASE("a Close with no data before it passes") {
    CHECK(!box->send(message_type::ping, bytes("a")));
    CHECK(!box->close(kw::close_code::normal, ""));
    settle(io);
    CHECK(to->texts() == "a \x03\xE8 ");
    CHECK(!box->has_mail());
  }
  SUBCASE("what waits stays below the mark, and passing makes room") {
    int accepted = 0;
    while (!box->send(message_type::text, bytes("x"))) ++accepted;
    settle(io);
    CHECK(accepted == 1000 / (mailbox::overhead + 1));
    CHECK(box->send(message_type::text, bytes("x")) == kw::error::send_queue_full);
    CHECK(to->got.empty());
  }
  SUBCASE("afterwards it is woken as before") {
    CHECK(!box->send(message_type::text, bytes("1")));
    settle(io);
    to->inside_message = false;
    to->take();
    CHECK(!box->send(message_type::text, bytes("2")));
    settle(io);
    CHECK(to->texts() == "1 2 ");
  }
}

TEST_CASE("mailbox: keeps nothing of its owner, nor of its context") {
  std::shared_ptr<mailbox> box;
  std::weak_ptr<owner> watch;
  {
    asio::io_context io;
    auto to = std::make_shared<owner>();
    watch = to;
    // The last copy of a strand would need its context.
    box = to->open(asio::make_strand(io));
    CHECK(!box->send(message_type::text, bytes("late")));
    to.reset();
    CHECK(watch.expired());
    CHECK(box->send(message_type::text, bytes("x")) == kw::error::closed);
    settle(io);
  }
  CHECK(box->send(message_type::text, bytes("x")) == kw::error::closed);
}

TEST_CASE("mailbox: an owner that is woken lives until it has taken its mail") {
  asio::io_context io;
  auto to = std::make_shared<owner>();
  std::weak_ptr<owner> const watch = to;
  auto const box = to->open(io.get_executor());
  int taken = 0;
  to->on_mail = [&] {
    to.reset();
    ++taken;
  };
  for (auto const* text : {"1", "2"}) CHECK(!box->send(message_type::text, bytes(text)));
  settle(io);
  CHECK(taken == 2);
  CHECK(watch.expired());
}

TEST_CASE("mailbox: a context that is going away takes no mail") {
  // What the end of the context destroys may still hold a connection, and a handle to it.
  std::optional<std::error_code> outcome;
  auto to = std::make_shared<owner>();
  {
    asio::io_context io;
    struct last_words {
      std::shared_ptr<owner> to;
      std::shared_ptr<mailbox> box;
      std::optional<std::error_code>* outcome;
      last_words(std::shared_ptr<owner> of, std::shared_ptr<mailbox> by,
                 std::optional<std::error_code>& result)
          : to(std::move(of)), box(std::move(by)), outcome(&result) {}
      last_words(last_words&&) = default;
      ~last_words() {
        if (box) *outcome = box->send(message_type::text, bytes("late"));
      }
      void operator()() const {}
    };
    auto box = to->open(io.get_executor());
    asio::post(io, last_words(std::move(to), std::move(box), outcome));
  }
  CHECK(outcome == make_error_code(kw::error::closed));
}

TEST_CASE("mailbox: threads together do not pass the mark, and nothing of theirs is lost or out of order") {
  constexpr std::size_t mark = 4000;
  constexpr int senders = 8;
  constexpr int each = 20000;

  // Writes a part of its queue at a turn, as a slow peer would have it.
  struct slow_owner : std::enable_shared_from_this<slow_owner> {
    explicit slow_owner(asio::any_io_executor on) : executor(std::move(on)) {}

    void mail_arrived() {
      place.take(
          false,
          [this](message_type, std::span<std::byte const> payload, encoding) {
            int which, number;
            std::memcpy(&which, payload.data(), sizeof which);
            std::memcpy(&number, payload.data() + sizeof which, sizeof number);
            in_order = in_order && last[which]++ == number;
            queued += mailbox::overhead + payload.size();
          },
          [this] { return queued; });
      write();
    }
    void write() {
      std::size_t const size = std::min<std::size_t>(queued, 1000);
      written += size;  // before it is reported, so that the sum below is never too high
      queued -= size;
      place.set_queued(queued);
      if (queued != 0 && !writing) {
        writing = true;
        asio::post(executor, [self = shared_from_this()] {
          self->writing = false;
          self->write();
        });
      }
    }

    asio::any_io_executor executor;
    std::size_t queued = 0;
    bool writing = false;
    bool in_order = true;
    int last[senders] = {};
    std::atomic<std::size_t> written{0};
    mailbox_place place;
  };

  asio::thread_pool pool(1);
  auto const to = std::make_shared<slow_owner>(pool.get_executor());
  auto const box = to->place.open(*to, to->executor, mark);
  std::atomic<std::size_t> accepted{0};
  std::atomic<int> over{0}, refused{0};
  std::vector<std::thread> threads;
  for (int which = 0; which != senders; ++which) {
    threads.emplace_back([&, which] {
      std::byte text[100] = {};
      std::memcpy(text, &which, sizeof which);
      for (int number = 0; number != each;) {
        std::size_t const size = 8 + static_cast<std::size_t>(number * 7 + which) % 90;
        std::memcpy(text + sizeof which, &number, sizeof number);
        if (box->send(message_type::binary, std::span<std::byte const>(text, size))) {
          ++refused;
          std::this_thread::yield();
          continue;
        }
        ++number;
        std::size_t const in = accepted += mailbox::overhead + size;
        over += in > to->written + mark ? 1 : 0;
      }
    });
  }
  for (auto& one : threads) one.join();
  pool.join();
  CHECK(over == 0);
  CHECK(refused != 0);
  CHECK(to->in_order);
  for (int const count : to->last) CHECK(count == each);
  CHECK(to->written == accepted);
  CHECK(!box->has_mail());
}

TEST_CASE("mailbox: threads send while the owner is shut, and while its context is destroyed") {
  for (int round = 0; round != 200; ++round) {
    auto io = std::make_unique<asio::io_context>();
    std::optional<asio::strand<asio::io_context::executor_type>> strand(asio::make_strand(*io));
    auto to = std::make_shared<owner>();
    auto box = to->open(*strand, 10000);
    strand.reset();
    std::atomic<int> busy{0}, others{0};
    std::vector<std::thread> users;
    for (int i = 0; i != 8; ++i) {
      users.emplace_back([&, mine = box]() mutable {
        ++busy;
        for (;;) {
          auto const failure = mine->send(message_type::text, bytes("x"));
          if (failure == kw::error::closed) break;
          if (failure == kw::error::send_queue_full) {
            std::this_thread::yield();
          } else if (failure) {
            ++others;
          }
        }
        mine.reset();
      });
    }
    box.reset();
    while (busy < round % 8) std::this_thread::yield();
    io->poll();
    if (round % 2 == 0) {
      to.reset();
      io.reset();
    } else {
      // The last that holds the owner is what the context destroys.
      asio::post(*io, [last = std::move(to)] {});
      io.reset();
    }
    for (auto& one : users) one.join();
    CHECK(others == 0);
  }
}

}  // namespace mailbox_tests
