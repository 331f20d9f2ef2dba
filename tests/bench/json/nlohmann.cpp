// nlohmann's JSON, as its documentation shows it: parse(), and conversions by field.
#include <nlohmann/json.hpp>

#include "messages.hpp"

using nlohmann::json;

namespace bench {

// Found by nlohmann's conversions, by their names.
static void from_json(json const& from, upload_progress& to) { from.at("value").get_to(to.value); }
static void from_json(json const& from, upload_failed& to) { from.at("reason").get_to(to.reason); }
static void from_json(json const& from, upload_done& to) {
  from.at("id").get_to(to.id);
  from.at("user").get_to(to.user);
  from.at("name").get_to(to.name);
  from.at("type").get_to(to.type);
  from.at("size").get_to(to.size);
  from.at("seconds").get_to(to.seconds);
  from.at("resumed").get_to(to.resumed);
  from.at("checksum").get_to(to.checksum);
  from.at("labels").get_to(to.labels);
  from.at("parts").get_to(to.parts);
}
static void to_json(json& to, upload_progress const& from) {
  to = json{{"kind", progress_kind}, {"value", from.value}};
}
static void to_json(json& to, upload_done const& from) {
  to = json{{"kind", done_kind},       {"id", from.id},           {"user", from.user},
            {"name", from.name},       {"type", from.type},       {"size", from.size},
            {"seconds", from.seconds}, {"resumed", from.resumed}, {"checksum", from.checksum},
            {"labels", from.labels},   {"parts", from.parts}};
}

namespace {

class nlohmann_decoder final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    for (auto const& [at, size] : texts) {
      json const message = json::parse(received + at, received + at + size);
      auto const& kind = message.at("kind").get_ref<std::string const&>();
      if (kind == progress_kind) {
        got(message.get<upload_progress>());
      } else if (kind == done_kind) {
        got(message.get<upload_done>());
      } else if (kind == failed_kind) {
        got(message.get<upload_failed>());
      } else {
        give_up("nlohmann's JSON finds another kind");
      }
    }
  }
};

class nlohmann_encoder final : public encoder {
 public:
  void encode(upload_progress const& message) override { text_ = json(message).dump(); }
  void encode(upload_done const& message) override { text_ = json(message).dump(); }
  std::string_view written() const override { return text_; }

 private:
  std::string text_;
};

decoders const decoding("nlohmann", [] { return std::make_unique<nlohmann_decoder>(); });
encoders const encoding("nlohmann", [] { return std::make_unique<nlohmann_encoder>(); });

}  // namespace
}  // namespace bench
