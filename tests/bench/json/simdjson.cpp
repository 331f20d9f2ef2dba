// simdjson on demand, as its documentation recommends: one parser, in a buffer with room behind the text.
// Fields are asked for by operator[], which begins where the last was found. What is not asked for, it does
// not check.
#include <simdjson.h>

#include "messages.hpp"

using namespace bench;
namespace ondemand = simdjson::ondemand;

namespace {

class on_demand final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    std::size_t const end = texts.back().at + texts.back().size + 1;
    for (auto const& [at, size] : texts) {
      ondemand::document document =
          parser_.iterate(received + at, size, end - at + simdjson::SIMDJSON_PADDING).value();
      ondemand::object object = document.get_object().value();
      std::string_view const kind = object["kind"].get_string().value();
      if (kind == progress_kind) {
        got(upload_progress{object["value"].get_double().value()});
      } else if (kind == done_kind) {
        upload_done message;
        message.id = object["id"].get_uint64().value();
        message.user = object["user"].get_string().value();
        message.name = object["name"].get_string().value();
        message.type = object["type"].get_string().value();
        message.size = object["size"].get_uint64().value();
        message.seconds = object["seconds"].get_double().value();
        message.resumed = object["resumed"].get_bool().value();
        message.checksum = object["checksum"].get_string().value();
        for (auto label : object["labels"]) message.labels.emplace_back(label.get_string().value());
        for (auto part : object["parts"]) {
          std::int64_t const value = part.get_int64().value();
          if (value < INT32_MIN || value > INT32_MAX) give_up("simdjson reads another number");
          message.parts.push_back(static_cast<std::int32_t>(value));
        }
        got(message);
      } else if (kind == failed_kind) {
        got(upload_failed{std::string(object["reason"].get_string().value())});
      } else {
        give_up("simdjson finds another kind");
      }
    }
  }

 private:
  ondemand::parser parser_;
};

decoders const decoding("simdjson", [] { return std::make_unique<on_demand>(); });

}  // namespace
