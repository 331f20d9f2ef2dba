// kindwire, as README.md shows it, and memcpy, which bounds all of them.
#include <cstring>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>

#include "messages.hpp"

namespace kw = kindwire;
using namespace bench;

template <>
constexpr auto kw::schema<upload_progress> = kw::kind(progress_kind,
                                                      kw::field("value", &upload_progress::value));
template <>
constexpr auto kw::schema<upload_failed> = kw::kind(failed_kind, kw::field("reason", &upload_failed::reason));
template <>
constexpr auto kw::schema<upload_done> =
    kw::kind(done_kind, kw::field("id", &upload_done::id), kw::field("user", &upload_done::user),
             kw::field("name", &upload_done::name), kw::field("type", &upload_done::type),
             kw::field("size", &upload_done::size), kw::field("seconds", &upload_done::seconds),
             kw::field("resumed", &upload_done::resumed), kw::field("checksum", &upload_done::checksum),
             kw::field("labels", &upload_done::labels), kw::field("parts", &upload_done::parts));

namespace {

constexpr kw::dispatcher on{
    [](upload_progress const& message, totals& got) { got(message); },
    [](upload_done const& message, totals& got) { got(message); },
    [](upload_failed const& message, totals& got) { got(message); },
};

class our_decoder final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    for (auto const& [at, size] : texts) {
      if (auto const outcome = on({received + at, size}, got); !outcome)
        give_up("kindwire: " + outcome.error().message());
    }
  }
};

class our_encoder final : public encoder {
 public:
  void encode(upload_progress const& message) override { write(message); }
  void encode(upload_done const& message) override { write(message); }
  std::string_view written() const override { return text_; }

 private:
  template <class T>
  void write(T const& message) {
    text_.clear();
    if (auto const outcome = kw::encode(message, text_); !outcome)
      give_up("kindwire: " + outcome.error().message());
  }

  std::string text_;
};

decoders const decoding("ours", [] { return std::make_unique<our_decoder>(); });
encoders const encoding("ours", [] { return std::make_unique<our_encoder>(); });

}  // namespace
