// json_lines: reads uploads as lines of JSON from standard input, by kind, and prints a summary as JSON
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

namespace kw = kindwire;

namespace {

struct upload_started {
  std::string_view name;  // a view into the line: nothing is copied
  std::uint64_t size;     // bytes
  static constexpr auto schema = kw::kind("UPLOAD_STARTED", kw::field("name", &upload_started::name),
                                          kw::field("size", &upload_started::size));
};

struct upload_progress {
  std::string_view name;
  double value;  // percent
  static constexpr auto schema = kw::kind("UPLOAD_PROGRESS", kw::field("name", &upload_progress::name),
                                          kw::field("value", &upload_progress::value));
};

struct upload_finish {
  std::string_view name;
  static constexpr auto schema = kw::kind("UPLOAD_FINISH", kw::field("name", &upload_finish::name));
};

struct summary {
  std::map<std::string, double, std::less<>> unfinished;  // percent, by name
  std::uint64_t finished = 0;
  std::uint64_t bytes = 0;  // of the finished ones
  static constexpr auto schema =
      kw::kind("SUMMARY", kw::field("finished", &summary::finished), kw::field("bytes", &summary::bytes),
               kw::field("unfinished", &summary::unfinished));
};

// What the handlers work on: it goes to each of them beside the message.
struct uploads {
  summary so_far;
  std::map<std::string, std::uint64_t, std::less<>> sizes;
};

constexpr kw::dispatcher on{
    [](upload_started const& started, uploads& all) {
      all.sizes[std::string(started.name)] = started.size;
      all.so_far.unfinished[std::string(started.name)] = 0;
    },
    [](upload_progress const& progress, uploads& all) {
      if (auto const upload = all.so_far.unfinished.find(progress.name);
          upload != all.so_far.unfinished.end())
        upload->second = progress.value;
    },
    [](upload_finish finish, uploads& all) {
      auto const upload = all.sizes.find(finish.name);
      if (upload == all.sizes.end()) return;
      all.so_far.bytes += upload->second;
      ++all.so_far.finished;
      all.so_far.unfinished.erase(upload->first);
      all.sizes.erase(upload);
    },
};

}  // namespace

int main(int count, char** values) {
  if (count != 1) {
    bool const asked = std::string_view(values[1]) == "--help";
    std::fputs("usage: json_lines < FILE\n", asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  std::ios::sync_with_stdio(false);
  uploads all;
  int status = 0;
  std::size_t number = 1;
  for (std::string line; std::getline(std::cin, line); ++number) {
    if (auto const outcome = on(line, all); !outcome) {
      std::fprintf(stderr, "line %zu: %s\n", number, outcome.error().message().c_str());
      status = 1;
    }
  }
  std::puts(kw::to_json(all.so_far)->c_str());
  return status;
}
