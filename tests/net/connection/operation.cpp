#include <kindwire/net/connection/operation.hpp>

#include <doctest/doctest.h>

#include <array>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace operation_tests {

using kindwire::net::detail::operation;
using kindwire::net::detail::tracked_operation;

namespace {

// Counts what it gave out.
struct arena {
  int given = 0;
  int ever = 0;
};
template <class T>
struct arena_allocator {
  using value_type = T;
  arena* from;
  explicit arena_allocator(arena* of) : from(of) {}
  template <class U>
  arena_allocator(arena_allocator<U> const& other) : from(other.from) {}
  T* allocate(std::size_t count) {
    ++from->given;
    ++from->ever;
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* place, std::size_t count) {
    --from->given;
    std::allocator<T>().deallocate(place, count);
  }
  bool operator==(arena_allocator const&) const = default;
};

// Owns the memory that it is kept in, where it is too large to be kept inside.
template <std::size_t Size>
struct owning_handler {
  std::shared_ptr<arena> own;
  int* outstanding;
  std::array<std::byte, Size> more = {};
  using allocator_type = arena_allocator<std::byte>;
  allocator_type get_allocator() const noexcept { return allocator_type(own.get()); }
  void operator()(int) { *outstanding = own->given; }
};

void settle(asio::io_context& io) {
  io.restart();
  io.poll();
}

}  // namespace

TEST_CASE("operation: complete() calls a handler that belongs here at once, post() later") {
  asio::io_context io;
  int seen = 0;
  operation<int> one([&](int value) { seen = value; }, io.get_executor());
  CHECK(one);
  one.complete(1);
  CHECK(!one);
  CHECK(seen == 1);

  one = {[&](int value) { seen = value; }, io.get_executor()};
  one.post(io.get_executor(), 2);
  CHECK(!one);
  CHECK(seen == 1);
  settle(io);
  CHECK(seen == 2);
}

TEST_CASE("operation: a handler runs on the executor that it is bound to") {
  asio::io_context io;
  asio::io_context elsewhere;
  for (bool const later : {false, true}) {
    int seen = 0;
    operation<int> one(asio::bind_executor(elsewhere.get_executor(), [&](int value) { seen = value; }),
                       io.get_executor());
    later ? one.post(io.get_executor(), 1) : one.complete(1);
    settle(io);
    CHECK(seen == 0);
    settle(elsewhere);
    CHECK(seen == 1);
  }
}

TEST_CASE("operation: the same behind a type-erased executor") {
  asio::io_context io;
  asio::io_context elsewhere;
  int seen = 0;
  operation<int> there(
      asio::bind_executor(asio::any_io_executor(elsewhere.get_executor()), [&](int value) { seen = value; }),
      io.get_executor());
  there.complete(1);
  CHECK(seen == 0);
  settle(elsewhere);
  CHECK(seen == 1);
  operation<int> here(
      asio::bind_executor(asio::any_io_executor(io.get_executor()), [&](int value) { seen = value; }),
      io.get_executor());
  here.complete(2);
  CHECK(seen == 2);
}

TEST_CASE("operation: handlers and arguments that can only be moved") {
  asio::io_context io;
  for (bool const later : {false, true}) {
    std::string seen;
    operation<std::unique_ptr<std::string>, std::string> one(
        [&, own = std::make_unique<std::string>("handler ")](auto first, std::string const& second) {
          seen = *own + *first + second;
        },
        io.get_executor());
    auto argument = std::make_unique<std::string>("argument ");
    later ? one.post(io.get_executor(), std::move(argument), "text")
          : one.complete(std::move(argument), "text");
    settle(io);
    CHECK(seen == "handler argument text");
  }
}

TEST_CASE("operation: one that is moved keeps its handler, one that is replaced or goes destroys it") {
  asio::io_context io;
  auto const owned = std::make_shared<int>();
  int calls = 0;
  auto const handler = [owned, &calls](int) { ++calls; };
  long const idle = owned.use_count();
  {
    operation<int> one(handler, io.get_executor());
    CHECK(owned.use_count() == idle + 1);
    operation<int> two(std::move(one));
    CHECK(!one);
    CHECK(two);
    one = std::move(two);
    CHECK(one);
    CHECK(!two);
    CHECK(owned.use_count() == idle + 1);
    one = operation<int>(handler, io.get_executor());
    CHECK(owned.use_count() == idle + 1);
    one = {};
    CHECK(!one);
    CHECK(owned.use_count() == idle);
    one = operation<int>(handler, io.get_executor());
  }
  CHECK(owned.use_count() == idle);
  CHECK(calls == 0);
}

TEST_CASE("operation: a handler that is replaced may look at the operation while it is destroyed") {
  asio::io_context io;
  operation<int> one;
  bool seen = true;
  auto const look = [&](int*) { seen = static_cast<bool>(one); };
  int value = 0;
  one =
      operation<int>([owned = std::unique_ptr<int, decltype(look)>(&value, look)](int) {}, io.get_executor());
  one = {};
  CHECK(!seen);
}

TEST_CASE("operation: while it waits there is work, where the handler belongs") {
  asio::io_context io;
  asio::io_context elsewhere;
  operation<int> one(asio::bind_executor(elsewhere.get_executor(), [](int) {}), io.get_executor());
  settle(elsewhere);
  CHECK(!elsewhere.stopped());
  one.complete(1);
  settle(elsewhere);
  CHECK(elsewhere.stopped());

  // One that belongs to the object's own executor is no work of its own.
  operation<int> two([](int) {}, io.get_executor());
  settle(io);
  CHECK(io.stopped());

  tracked_operation<int> three([](int) {}, io.get_executor());
  settle(io);
  CHECK(!io.stopped());
  three = {};
  settle(io);
  CHECK(io.stopped());

  bool called = false;
  for (bool const later : {false, true}) {
    tracked_operation<int> four([&](int) { called = true; }, io.get_executor());
    later ? four.post(1) : four.complete(1);
    CHECK(called != later);
    settle(io);
    CHECK(io.stopped());
    CHECK(std::exchange(called, false));
  }
}

TEST_CASE("operation: memory comes from the handler's allocator, and is back before the handler runs") {
  asio::io_context io;
  asio::io_context elsewhere;
  enum class end { complete, post, destroy };
  for (end const how : {end::complete, end::post, end::destroy}) {
    int outstanding = -1;
    auto const own = std::make_shared<arena>();
    {
      operation<int> one(owning_handler<64>{own, &outstanding}, io.get_executor());
      CHECK(own->given == 1);
      if (how == end::complete) one.complete(1);
      if (how == end::post) one.post(io.get_executor(), 1);
    }
    settle(io);
    CHECK(own->given == 0);
    CHECK(own->ever >= 1);
    CHECK(outstanding == (how == end::destroy ? -1 : 0));
    CHECK(own.use_count() == 1);
  }
}

TEST_CASE("operation: a small handler needs no memory, and is moved with the operation") {
  asio::io_context io;
  auto const own = std::make_shared<arena>();
  int calls = 0;
  struct small {
    std::shared_ptr<arena> own;
    int* calls;
    using allocator_type = arena_allocator<std::byte>;
    allocator_type get_allocator() const noexcept { return allocator_type(own.get()); }
    void operator()(int) { ++*calls; }
  };
  operation<int> one(small{own, &calls}, io.get_executor());
  operation<int> two(std::move(one));
  CHECK(own.use_count() == 2);
  one = std::move(two);
  CHECK(own->ever == 0);
  one.complete(1);
  CHECK(calls == 1);
  CHECK(own.use_count() == 1);
  two = operation<int>(small{own, &calls}, io.get_executor());
  two = {};
  CHECK(own.use_count() == 1);
  CHECK(calls == 1);
}

TEST_CASE("operation: the allocator may live in what the handler owns") {
  asio::io_context io;
  int outstanding = -1;
  auto const make = [&] {
    return operation<int>(owning_handler<64>{std::make_shared<arena>(), &outstanding}, io.get_executor());
  };
  make().complete(1);
  CHECK(outstanding == 0);
  outstanding = -1;
  make().post(io.get_executor(), 1);
  settle(io);
  CHECK(outstanding == 0);
  make() = {};
  { auto const gone = make(); }
}

TEST_CASE("operation: a handler may start the next one in the same place, and may throw") {
  asio::io_context io;
  operation<int> place;
  int calls = 0;
  struct again {
    operation<int>& place;
    int& calls;
    asio::any_io_executor executor;
    void operator()(int left) {
      ++calls;
      CHECK(!place);
      if (left != 0) place = operation<int>(again{place, calls, executor}, executor);
    }
  };
  place = operation<int>(again{place, calls, io.get_executor()}, io.get_executor());
  for (int left = 5; left >= 0; --left) {
    REQUIRE(place);
    place.complete(left);
  }
  CHECK(calls == 6);
  CHECK(!place);

  place = operation<int>([](int) { throw 1; }, io.get_executor());
  CHECK_THROWS_AS(place.complete(1), int);
  CHECK(!place);
}

TEST_CASE("operation: nothing can cancel it any more once it has completed") {
  asio::io_context io;
  for (bool const later : {false, true}) {
    asio::cancellation_signal signal;
    int cancels = 0;
    operation<int> one(asio::bind_cancellation_slot(signal.slot(), [](int) {}), io.get_executor());
    signal.slot().assign([&](asio::cancellation_type) { ++cancels; });
    later ? one.post(io.get_executor(), 1) : one.complete(1);
    CHECK(!signal.slot().has_handler());
    signal.emit(asio::cancellation_type::all);
    settle(io);
    CHECK(cancels == 0);
  }
}

}  // namespace operation_tests
