// upload: a page that sends files over WebSocket and shows the progress on every page of the same user
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <kindwire/documents/asyncapi.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/frame_trace.hpp>
#include <kindwire/net/server.hpp>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

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
  static constexpr auto schema = kw::kind(
      "UPLOAD_PROGRESS", kw::field("value", &upload_progress::value, kw::minimum(0), kw::maximum(100),
                                   kw::description("percent; 0 only when an upload begins")));
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
  api.route("/streamed/{user}", {.handler = "uploads::serve_streamed"})
      .receives<upload_start>()
      .receives_binary("the whole file that was started")
      .sends<initial, upload_progress, upload_finish, failure>();
}

class uploads {
 public:
  uploads(std::string directory, quotas limits) : store_(std::move(directory), limits) {}

  // A file comes in as many messages as the page likes.
  asio::awaitable<void> serve(kw::net::websocket& ws) {
    page mine{*this, ws};
    co_await ws.send(initial{});
    while (kw::message const msg = co_await ws.receive()) {
      msg.is_text() ? mine.read(msg.text()) : mine.write(msg.bytes());
      if (mine.is_whole()) mine.finish();
    }
  }

  // A file comes as one message, which need not fit into memory: a chunk is written before the next is read,
  // so that a disk that is slower than the network slows the page.
  asio::awaitable<void> serve_streamed(kw::net::websocket& ws) {
    page mine{*this, ws};
    co_await ws.send(initial{});
    std::string text;
    while (kw::message_chunk const chunk = co_await ws.receive_some()) {
      if (chunk.is_text()) {
        // The route's max_streamed_size is that of a file.
        if (chunk.size() > longest_text - text.size()) {
          ws.try_close(kw::close_code::message_too_big);
          co_return;
        }
        text += chunk.text();
        if (!chunk.last()) continue;
        mine.read(text);
        text.clear();
      } else {
        mine.write(chunk.bytes());
        if (chunk.last()) mine.finish();
      }
    }
  }

 private:
  static constexpr std::size_t longest_text = std::size_t{1} << 20;  // as receive() takes it

  struct user {
    std::set<kw::net::websocket*> pages;
    kw::net::websocket* uploading = nullptr;
    unsigned percent = 0;

    template <class Message>
    void tell(Message const& what) const {
      for (auto* const each : pages) each->try_send(what);
    }
  };
  using user_map = std::map<std::string, user>;

  // One page in the {user_id: connections} map, as long as its handler runs, and the file that it sends.
  class page {
   public:
    page(uploads& all, kw::net::websocket& ws)
        : store_(all.store_),
          users_(all.users_),
          place_(users_.try_emplace(std::string(ws.request().parameter("user"))).first),
          ws_(ws) {
      place_->second.pages.insert(&ws);
    }
    page(page const&) = delete;
    page& operator=(page const&) = delete;
    // However it ends, by a return or an exception, a half file goes and the user may upload again.
    ~page() {
      user& self = place_->second;
      if (self.uploading == &ws_) self.uploading = nullptr;
      self.pages.erase(&ws_);
      if (self.pages.empty()) users_.erase(place_);
    }

    void read(std::string_view text) {
      static kw::dispatcher const on{[](upload_start const& what, page& mine) { mine.start(what); }};
      if (auto const outcome = on(text, *this); !outcome) refuse(outcome.error().message());
    }

    // The next bytes of the file.
    void write(std::span<std::byte const> bytes) {
      if (!file_) {
        if (!skipping_) refuse("no upload was started");
        skipping_ = true;
      } else if (!file_->takes(bytes.size())) {
        give_up("more bytes than the size that was announced");
      } else {
        file_->write(bytes);
        if (std::string why = file_->problem(); !why.empty()) return give_up(std::move(why));
        report();
      }
    }

    bool is_whole() const { return file_ && file_->whole(); }

    // No more bytes of the file will come.
    void finish() {
      if (is_whole()) {
        keep();
      } else if (file_) {
        give_up("fewer bytes than the size that was announced");
      }
      skipping_ = false;
    }

   private:
    user& self() const { return place_->second; }

    void start(upload_start const& what) {
      // Our own upload goes on; what is sent for one that is refused is skipped without a second word.
      if (self().uploading) return skipping_ = !file_, refuse("an upload is under way already");
      skipping_ = true;
      if (!is_file_name(what.name)) return refuse("not a file name");
      if (std::string why = store_.refusal(name(), what.size); !why.empty()) return refuse(std::move(why));
      file_.emplace(store_, name(), what.name, what.size);
      if (std::string why = file_->problem(); !why.empty()) return file_.reset(), refuse(std::move(why));
      skipping_ = false;
      self().uploading = &ws_;
      self().percent = 0;
      self().tell(upload_progress{0});
    }

    void report() {
      unsigned const percent = file_->percent();
      if (percent > self().percent) self().tell(upload_progress{self().percent = percent});
    }

    void keep() {
      report();
      file_->keep();
      if (std::string why = file_->problem(); !why.empty()) return give_up(std::move(why));
      end_upload();
      self().tell(upload_finish{});
    }

    // What is still to come of the file is skipped.
    void give_up(std::string why) {
      end_upload();
      skipping_ = true;
      refuse(std::move(why));
    }

    void end_upload() {
      file_.reset();
      self().uploading = nullptr;
    }

    std::string const& name() const { return place_->first; }
    void refuse(std::string why) { ws_.try_send(failure{std::move(why)}); }

    upload_store& store_;
    user_map& users_;
    user_map::iterator place_;
    kw::net::websocket& ws_;
    std::optional<incoming_file> file_;
    bool skipping_ = false;
  };

  upload_store store_;
  user_map users_;
};

int main(int count, char** values) try {
  arguments given(count, values,
                  "usage: upload [--port N] [--directory DIR] [--quota BYTES] [--user-quota BYTES]\n"
                  "              [--tls | --certificate FILE --key FILE] [--trace]\n"
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
  if (given.flag("--trace")) options.observer = kw::net::frame_trace(std::cerr);
  secure const how(given);
  given.done();
  uploads all{directory, limits};

  kw::net::server server{options};
  server.get("/", kw::net::html(upload_page));
  server.websocket("/upload/{user}", [&](kw::net::websocket& ws) { return all.serve(ws); });
  kw::net::connection_options streamed;
  streamed.max_streamed_size = std::max<std::uint64_t>(limits.of_user, 1);  // 0 would mean max_message_size
  server.websocket("/streamed/{user}", [&](kw::net::websocket& ws) { return all.serve_streamed(ws); },
                   {.connection = streamed});
  auto const port = how.start(server, options);
  std::printf("%s://127.0.0.1:%u/ stores files in %s\n", how.http().c_str(), static_cast<unsigned>(port),
              std::filesystem::absolute(directory).c_str());
  std::fflush(stdout);
  server.run();
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "upload: %s\n", failure.what());
  return 1;
}
