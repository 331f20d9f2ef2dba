// Boost.Beast's echo server.
//
//     beast coroutine|callback
#include <utility>

#include "beast_handlers.hpp"

int main(int, char** values) {
  bench::serve(values[1], [](bench::socket fresh) { return std::move(fresh); });
}
