// A program of its own, since it takes the place of the system's source of random bytes and makes it fail.
#include <kindwire/frame/random.hpp>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <span>

#include <pthread.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

bool entropy_fails = false;
bool atfork_fails = false;

}  // namespace

extern "C" int getentropy(void* to, std::size_t size) {
  if (entropy_fails) return -1;
  return getrandom(to, size, 0) == static_cast<ssize_t>(size) ? 0 : -1;
}

extern "C" int pthread_atfork(void (*)(), void (*)(), void (*)()) { return atfork_fails ? 12 : 0; }

namespace {

namespace kw = kindwire;

// How a child ends that calls `draw`: the signal, or 0 if it came back.
template <class Draw>
int signal_of(Draw draw) {
  pid_t const child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // not doctest's report of a crash
    draw();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void draw_bytes() {
  std::byte to[16];
  kw::random_bytes(to);
}
void draw_key() { kw::random_masking_key(); }

// In this order: what the process has drawn once it need not ask for again.
TEST_CASE("RFC 6455 §5.3: without a strong source there is no key, but an end of the program") {
  entropy_fails = true;
  CHECK(signal_of(draw_bytes) == SIGABRT);
  CHECK(signal_of(draw_key) == SIGABRT);
  CHECK_MESSAGE(signal_of([] { kw::random_bytes({}); }) == 0, "nothing is asked for nothing");
  entropy_fails = false;
  CHECK(signal_of(draw_bytes) == 0);

  atfork_fails = true;
  CHECK_MESSAGE(signal_of(draw_key) == SIGABRT, "or a child would go on with its parent's keys");
  atfork_fails = false;
  CHECK(signal_of(draw_key) == 0);
}

}  // namespace
