#include <kindwire/net/connection/target_of.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

namespace target_of_tests {

using kindwire::net::detail::target_of;
using plain = asio::io_context::executor_type;
using strand = asio::strand<plain>;
using strand_of_any = asio::strand<asio::any_io_executor>;

TEST_CASE("target_of: an executor of this type, and of no other") {
  asio::io_context io;
  asio::thread_pool pool{1};
  asio::any_io_executor const all[] = {io.get_executor(), asio::make_strand(io),
                                       asio::make_strand(asio::any_io_executor(io.get_executor())),
                                       pool.get_executor(), asio::any_io_executor()};
  for (auto const& each : all) {
    CHECK((target_of<plain>(each) != nullptr) == (&each == &all[0]));
    CHECK((target_of<strand>(each) != nullptr) == (&each == &all[1]));
    CHECK((target_of<strand_of_any>(each) != nullptr) == (&each == &all[2]));
    CHECK((target_of<asio::thread_pool::executor_type>(each) != nullptr) == (&each == &all[3]));
  }
  CHECK(*target_of<plain>(all[0]) == io.get_executor());
}

}  // namespace target_of_tests
