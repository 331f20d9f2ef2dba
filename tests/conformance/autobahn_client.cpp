// The client that Autobahn's fuzzing server is pointed at: it asks how many cases there are, connects once
// for each and sends every message back as it came, then has the reports written. For who has the suite:
//
//     suite="docker run --rm --network host -v $PWD:/here -w /here crossbario/autobahn-testsuite wstest"
//     echo '{"url": "ws://127.0.0.1:9001", "cases": ["*"], "exclude-cases": [], "exclude-agent-cases": {},
//       "outdir": "reports/client"}' >server.json
//     $suite -u 0 -m fuzzingserver -s server.json &
//     build/tests-gcc/tests/autobahn_client ws://127.0.0.1:9001 --compression full
//
// The other way round, `sh examples/run echo --port 9002 --compression full --max-message-size 16777216
// --max-fragments 65537` serves:
//
//     echo '{"servers": [{"agent": "kindwire", "url": "ws://127.0.0.1:9002/echo"}], "cases": ["*"],
//       "exclude-cases": [], "exclude-agent-cases": {}, "outdir": "reports/server"}' >client.json
//     $suite -u 0 -m fuzzingclient -s client.json
//
// Chapters 12 and 13 are about compression: they are not run without it.
//
// autobahn.py does the same without the suite, with cases in its spirit.
#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <charconv>
#include <cstdio>
#include <exception>
#include <kindwire/deflate.hpp>
#include <kindwire/net/client.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace kw = kindwire;

namespace {

constexpr char const* usage =
    "usage: autobahn_client URL [AGENT] [--compression off|shared|small|full]\n"
    "\n"
    "Runs every case of the Autobahn fuzzing server at URL, under the name AGENT (kindwire). A server on\n"
    "ws://127.0.0.1:9001, which leaves its reports in ./reports:\n"
    "  docker run --rm --network host -v $PWD:/here -w /here crossbario/autobahn-testsuite wstest -u 0 -m "
    "fuzzingserver\n";

kw::net::connect_options options;

// The suite's largest messages have 16 MiB, its most fragmented one 4 MiB in fragments of 64 bytes.
void lift_limits() {
  options.connection.max_message_size = std::size_t{16} << 20;
  options.connection.max_fragments = 65537;
}

bool set_compression(std::string_view preset) {
  auto& compression = options.connection.compression;
  if (preset == "shared") compression = kw::deflate::shared();
  if (preset == "small") compression = kw::deflate::small();
  if (preset == "full") compression = kw::deflate::full();
  return compression || preset == "off";
}

std::string percent_encoded(std::string_view text) {
  std::string result;
  for (char const each : text) {
    bool const unreserved = (each >= '0' && each <= '9') || ((each | 0x20) >= 'a' && (each | 0x20) <= 'z') ||
                            std::string_view("-._~").find(each) != std::string_view::npos;
    if (unreserved) {
      result += each;
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(each)));
      result += hex;
    }
  }
  return result;
}

asio::awaitable<kw::net::websocket> open(std::string url) {
  co_return co_await kw::net::connect(co_await asio::this_coro::executor, url, options);
}

enum class role_of_ours { listener, echo };

// One connection until its end; gives the last message to a listener. Most cases break a rule: that the
// connection fails is their point, and the server's to judge.
asio::awaitable<std::string> converse(std::string url, role_of_ours role) {
  kw::net::websocket ws = co_await open(std::move(url));
  auto const no_throw = [](std::error_code& failure) {
    return asio::redirect_error(asio::use_awaitable, failure);
  };
  std::error_code failure;
  std::string last;
  while (kw::message const msg = co_await ws.receive(no_throw(failure))) {
    if (role == role_of_ours::echo) {
      co_await ws.send(msg, no_throw(failure));
    } else {
      last = msg.text();
    }
  }
  // Our Close may still be on its way to a server that goes on writing: it gets the time to read it.
  co_await ws.close(kw::close_code::normal, "", no_throw(failure));
  co_return last;
}

asio::awaitable<unsigned> case_count(std::string url) {
  std::string const answer = co_await converse(url + "/getCaseCount", role_of_ours::listener);
  unsigned count = 0;
  auto const [end, failure] = std::from_chars(answer.data(), answer.data() + answer.size(), count);
  if (failure != std::errc{} || end != answer.data() + answer.size())
    throw std::runtime_error("the number of cases is no number: " + answer);
  co_return count;
}

asio::awaitable<void> run_all(std::string url, std::string agent) {
  unsigned const count = co_await case_count(url);
  for (unsigned number = 1; number <= count; ++number) {
    std::printf("case %u of %u\n", number, count);
    co_await converse(url + "/runCase?case=" + std::to_string(number) + "&agent=" + agent,
                      role_of_ours::echo);
  }
  co_await converse(url + "/updateReports?agent=" + agent, role_of_ours::listener);
}

}  // namespace

int main(int count, char** values) {
  std::vector<std::string_view> words(values + 1, values + count);
  bool const help = words.size() == 1 && words.front() == "--help";
  auto const flag = std::find(words.begin(), words.end(), "--compression");
  bool valid = !help;
  if (flag != words.end()) {
    valid = words.end() - flag >= 2 && set_compression(flag[1]);
    words.erase(flag, flag + (std::min<std::ptrdiff_t>)(2, words.end() - flag));
  }
  if (!valid || words.empty() || words.size() > 2) {
    std::fputs(usage, help ? stdout : stderr);
    return help ? 0 : 2;
  }
  lift_limits();
  std::string url(words.front());
  while (url.ends_with('/')) url.pop_back();
  asio::io_context io;
  int status = 0;
  asio::co_spawn(io, run_all(url, percent_encoded(words.size() == 2 ? words[1] : "kindwire")),
                 [&](std::exception_ptr failure) {
                   try {
                     if (failure) std::rethrow_exception(failure);
                   } catch (std::exception const& problem) {
                     std::fprintf(stderr, "autobahn_client: %s\n", problem.what());
                     status = 1;
                   }
                 });
  io.run();
  return status;
}
