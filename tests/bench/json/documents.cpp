// Messages as documents: a dispatcher with handlers that take a rapidjson::Value, or keep a
// rapidjson::Document, beside RapidJSON alone as its tutorial has it.
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/rapidjson.hpp>

#include "document_fields.hpp"

namespace kw = kindwire;
using namespace bench;

namespace {

void take(rapidjson::Value const& whole, totals& got) {
  if (!take_document(whole, got)) give_up("a document is not what was expected");
}

void keep(rapidjson::Document whole, totals& got) { take(whole, got); }

template <auto Handler>
auto dispatcher_to() {
  return kw::dispatcher{kw::on_kind("UPLOAD_PROGRESS", Handler), kw::on_kind("UPLOAD_DONE", Handler),
                        kw::on_kind("UPLOAD_FAILED", Handler)};
}

template <auto Handler>
class ours final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    for (auto const& [at, size] : texts) {
      if (auto const outcome = on_(std::string_view(received + at, size), got); !outcome)
        give_up("kindwire: " + outcome.error().message());
    }
  }

 private:
  decltype(dispatcher_to<Handler>()) on_ = dispatcher_to<Handler>();
};

class rapidjson_alone final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    for (auto const& [at, size] : texts) {
      rapidjson::Document whole;
      if (whole.Parse(received + at, size).HasParseError()) give_up("RapidJSON refuses a message");
      take(whole, got);
    }
  }
};

document_decoders const ours_of_thread("ours", {[] { return std::make_unique<ours<&take>>(); }});
document_decoders const ours_of_its_own("ours_kept", {[] { return std::make_unique<ours<&keep>>(); }});
document_decoders const theirs("rapidjson_document", {[] { return std::make_unique<rapidjson_alone>(); }});

}  // namespace
