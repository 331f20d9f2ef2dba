// upload: a page that sends files over WebSocket and shows the progress on every page of the same user
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <kindwire/documents/asyncapi.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/server.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "arguments.hpp"
#include "secure.hpp"
#include "upload_page.hpp"
#include "upload_store.hpp"

namespace kw = kindwire;

// What the two ends say to each other, beside the file's bytes in BINARY messages.

struct initial {
  static constexpr auto schema = kw::kind("INITIAL");
};
struct upload_start {
  std::string name;
  std::uint64_t size;
  static constexpr auto schema =
      kw::kind("UPLOAD_START", kw::description("The bytes of this file follow."),
               kw::field("name", &upload_start::name, kw::description("a file name without a path")),
               kw::field("size", &upload_start::size, kw::description("bytes")));
};
struct upload_progress {
  unsigned value;
  static constexpr auto schema =
      kw::kind("UPLOAD_PROGRESS", kw::field("value", &upload_progress::value, kw::minimum(0),
                                            kw::maximum(100), kw::description("percent")));
};
struct upload_finish {
  static constexpr auto schema = kw::kind("UPLOAD_FINISH");
};
struct failure {
  std::string reason;
  static constexpr auto schema = kw::kind("ERROR", kw::field("reason", &failure::reason));
};

// The same, for the documents that --types and --asyncapi print. The page is checked against these types.
void describe(kw::protocol& api) {
  api.route("/upload/{user}", {.handler = "uploads::serve"})
      .receives<upload_start>()
      .receives_binary("the next bytes of the file that was started")
      .sends<initial, upload_progress, upload_finish, failure>();
}

class uploads {
 public:
  uploads(std::string directory, quotas limits) : store_(std::move(directory), limits) {}

  asio::awaitable<void> serve(kw::net::websocket& ws) {
    std::string const name(ws.request().parameter("user"));
    seat const mine{users_, name, &ws};
    user& self = mine.place->second;
    co_await ws.send(initial{});

    std::optional<incoming_file> file;
    bool skipping = false;  // what is left of an upload that was refused
    auto const refuse = [&](std::string reason) { ws.try_send(failure{std::move(reason)}); };
    auto const step = [&] {
      if (unsigned const percent = file->percent(); percent > self.percent) {
        self.percent = percent;
        self.tell(upload_progress{percent});
      }
      if (file->whole()) file->keep();
      std::string const problem = file->problem();
      if (!file->whole() && problem.empty()) return;
      skipping = !file->whole();
      end_upload(self, file);
      problem.empty() ? self.tell(upload_finish{}) : refuse(problem);
    };
    kw::dispatcher const on{[&](upload_start const& start) {
      // Our own upload goes on; what is sent for one that is refused is skipped without a second word.
      if (self.uploading) return skipping = !file, refuse("an upload is under way already");
      skipping = true;
      if (!is_file_name(start.name)) return refuse("not a file name");
      if (std::string why = store_.refusal(name, start.size); !why.empty()) return refuse(std::move(why));
      file.emplace(store_, name, start.name, start.size);
      if (std::string why = file->problem(); !why.empty()) return file.reset(), refuse(std::move(why));
      skipping = false;
      self.uploading = &ws;
      self.percent = 0;
      self.tell(upload_progress{0});
      if (file->whole()) step();
    }};

    // However this ends, by a return or an exception, a half file goes and the user may upload again.
    struct guard {
      user& self;
      kw::net::websocket* ws;
      ~guard() {
        if (self.uploading == ws) self.uploading = nullptr;
      }
    } const at_end{self, &ws};

    while (kw::message const msg = co_await ws.receive()) {
      if (msg.is_text()) {
        if (auto const outcome = on(msg.text()); !outcome) refuse(outcome.error().message());
      } else if (!file) {
        if (!skipping) refuse("no upload was started");
        skipping = true;
      } else if (!file->takes(msg.size())) {
        end_upload(self, file);
        skipping = true;
        refuse("more bytes than the size that was announced");
      } else {
        file->write(msg.bytes());
        step();
      }
    }
  }

 private:
  struct user {
    std::set<kw::net::websocket*> pages;
    kw::net::websocket* uploading = nullptr;
    unsigned percent = 0;

    template <class Message>
    void tell(Message const& what) const {
      for (auto* const page : pages) page->try_send(what);
    }
  };
  using user_map = std::map<std::string, user>;

  // One page in the {user_id: connections} map, as long as its handler runs.
  struct seat {
    user_map& users;
    user_map::iterator place;
    kw::net::websocket* ws;
    seat(user_map& map, std::string id, kw::net::websocket* page)
        : users(map), place(map.try_emplace(std::move(id)).first), ws(page) {
      place->second.pages.insert(ws);
    }
    seat(seat const&) = delete;
    seat& operator=(seat const&) = delete;
    ~seat() {
      place->second.pages.erase(ws);
      if (place->second.pages.empty()) users.erase(place);
    }
  };

  static void end_upload(user& self, std::optional<incoming_file>& file) {
    file.reset();
    self.uploading = nullptr;
  }

  upload_store store_;
  user_map users_;
};

int main(int count, char** values) try {
  arguments given(count, values,
                  "usage: upload [--port N] [--directory DIR] [--quota BYTES] [--user-quota BYTES]\n"
                  "              [--tls | --certificate FILE --key FILE]\n"
                  "       upload --types | --asyncapi\n");
  if (bool const types = given.flag("--types"); types || given.flag("--asyncapi")) {
    given.done();
    kw::protocol api{{.title = "kindwire upload", .url = "ws://127.0.0.1:8080"}};
    describe(api);
    std::fputs((types ? kw::typescript(api) : kw::asyncapi(api)).c_str(), stdout);
    return 0;
  }
  kw::net::server_options options;
  options.port = given.number<std::uint16_t>("--port", 8080);
  options.shutdown_timeout = std::chrono::seconds(5);
  quotas limits;
  limits.in_all = given.number("--quota", limits.in_all);
  limits.of_user = given.number("--user-quota", limits.of_user);
  std::string const directory = given.text("--directory", "uploads");
  secure const how(given);
  given.done();
  uploads all{directory, limits};

  kw::net::server server{options};
  server.get("/", kw::net::html(upload_page));
  server.websocket("/upload/{user}", [&](kw::net::websocket& ws) { return all.serve(ws); });
  auto const port = how.start(server, options);
  std::printf("%s://127.0.0.1:%u/\n", how.http().c_str(), static_cast<unsigned>(port));
  std::fflush(stdout);
  server.run();
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "upload: %s\n", failure.what());
  return 1;
}
