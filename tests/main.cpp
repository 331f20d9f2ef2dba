// Runs the tests; KINDWIRE_INSTRUCTION_SET in the environment names what long runs of bytes are worked on
// with, where this processor knows it.
#define DOCTEST_CONFIG_IMPLEMENT
#if defined(__MINGW32__) && defined(__GNUC__) && !defined(__clang__)
// MinGW's g++ frees thread_local objects before it calls their destructors (GCC bug 80816). doctest's are for
// checks that fail in several threads at once.
#define DOCTEST_THREAD_LOCAL
#endif
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <kindwire/kernel/kernels.hpp>

int main(int count, char** values) {
  if (char const* const wanted = std::getenv("KINDWIRE_INSTRUCTION_SET")) {
    for (auto const& each : kindwire::detail::kernel_sets) {
      if (std::string_view{wanted} == to_string(each.name)) kindwire::use_instruction_set(each.name);
    }
  }
  std::printf("instruction set: %s\n", to_string(kindwire::used_instruction_set()));
  std::fflush(stdout);
  return doctest::Context(count, values).run();
}
