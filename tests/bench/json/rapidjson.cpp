// RapidJSON as its documentation recommends for speed: in place, SSE2 (set in meson.build), buffers and
// allocators used again, numbers in the fast way. It then checks no UTF-8, which kindwire does.
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "messages.hpp"

using namespace bench;

namespace {

enum class name_of {
  none,
  kind,
  value,
  id,
  user,
  name,
  type,
  size,
  seconds,
  resumed,
  checksum,
  labels,
  parts,
  reason
};

name_of find(std::string_view name) {
  switch (name.size()) {
    case 2: return name == "id" ? name_of::id : name_of::none;
    case 4:
      switch (name[0]) {
        case 'k': return name == "kind" ? name_of::kind : name_of::none;
        case 'u': return name == "user" ? name_of::user : name_of::none;
        case 'n': return name == "name" ? name_of::name : name_of::none;
        case 't': return name == "type" ? name_of::type : name_of::none;
        case 's': return name == "size" ? name_of::size : name_of::none;
        default: return name_of::none;
      }
    case 5: return name == "value" ? name_of::value : name == "parts" ? name_of::parts : name_of::none;
    case 6: return name == "labels" ? name_of::labels : name == "reason" ? name_of::reason : name_of::none;
    case 7:
      return name == "seconds" ? name_of::seconds : name == "resumed" ? name_of::resumed : name_of::none;
    case 8: return name == "checksum" ? name_of::checksum : name_of::none;
    default: return name_of::none;
  }
}

constexpr unsigned bit(name_of name) { return 1u << static_cast<unsigned>(name); }
constexpr unsigned progress_fields = bit(name_of::kind) | bit(name_of::value);
constexpr unsigned failed_fields = bit(name_of::kind) | bit(name_of::reason);
constexpr unsigned done_fields = bit(name_of::kind) | bit(name_of::id) | bit(name_of::user) |
                                 bit(name_of::name) | bit(name_of::type) | bit(name_of::size) |
                                 bit(name_of::seconds) | bit(name_of::resumed) | bit(name_of::checksum) |
                                 bit(name_of::labels) | bit(name_of::parts);

// Written by hand for these three kinds: fields go straight into the structs, whether or not the kind is
// known yet.
struct handler : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, handler> {
  enum class kinds { none, progress, done, failed } kind = kinds::none;
  name_of field = name_of::none;
  unsigned seen = 0;
  bool in_array = false;
  unsigned depth = 0;
  upload_progress progress;
  upload_done done;
  upload_failed failed;

  void begin() {
    kind = kinds::none;
    seen = 0;
    in_array = false;
    depth = 0;
  }

  bool Default() { return false; }
  bool StartObject() { return depth++ == 0; }
  bool EndObject(rapidjson::SizeType) { return true; }
  bool Key(char const* text, rapidjson::SizeType size, bool) {
    field = find({text, size});
    if (field == name_of::none || (seen & bit(field)) != 0) return false;
    seen |= bit(field);
    return true;
  }
  bool StartArray() {
    in_array = !in_array && (field == name_of::labels || field == name_of::parts);
    return in_array;
  }
  bool EndArray(rapidjson::SizeType) {
    in_array = false;
    return true;
  }
  bool String(char const* text, rapidjson::SizeType size, bool) {
    switch (field) {
      case name_of::kind: {
        std::string_view const view(text, size);
        kind = view == progress_kind ? kinds::progress
               : view == done_kind   ? kinds::done
               : view == failed_kind ? kinds::failed
                                     : kinds::none;
        return kind != kinds::none;
      }
      case name_of::user: done.user.assign(text, size); return true;
      case name_of::name: done.name.assign(text, size); return true;
      case name_of::type: done.type.assign(text, size); return true;
      case name_of::checksum: done.checksum.assign(text, size); return true;
      case name_of::reason: failed.reason.assign(text, size); return true;
      case name_of::labels: return in_array && (done.labels.emplace_back(text, size), true);
      default: return false;
    }
  }
  bool Bool(bool value) {
    done.resumed = value;
    return field == name_of::resumed;
  }
  bool Double(double value) {
    if (field == name_of::value) progress.value = value;
    if (field == name_of::seconds) done.seconds = value;
    return field == name_of::value || field == name_of::seconds;
  }
  bool Uint64(std::uint64_t value) {
    switch (field) {
      case name_of::id: done.id = value; return true;
      case name_of::size: done.size = value; return true;
      case name_of::parts:
        if (!in_array || value > INT32_MAX) return false;
        done.parts.push_back(static_cast<std::int32_t>(value));
        return true;
      default: return Double(static_cast<double>(value));
    }
  }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Int64(std::int64_t value) {
    if (field != name_of::parts) return Double(static_cast<double>(value));
    if (!in_array || value < INT32_MIN) return false;
    done.parts.push_back(static_cast<std::int32_t>(value));
    return true;
  }
  bool Int(int value) { return Int64(value); }

  bool finish(totals& got) {
    switch (kind) {
      case kinds::progress: return seen == progress_fields && (got(progress), true);
      case kinds::done: {
        upload_done const message = std::move(done);
        done.labels.clear();
        return seen == done_fields && (got(message), true);
      }
      case kinds::failed: {
        upload_failed const message = std::move(failed);
        return seen == failed_fields && (got(message), true);
      }
      default: return false;
    }
  }
};

class sax final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    for (auto const& each : texts) {
      rapidjson::InsituStringStream stream(received + each.at);
      handler_.begin();
      if (!reader_.Parse<rapidjson::kParseInsituFlag>(stream, handler_) || !handler_.finish(got))
        give_up("RapidJSON's SAX parser refuses a message");
    }
  }

 private:
  rapidjson::Reader reader_;
  handler handler_;
};

class writer final : public encoder {
 public:
  void encode(upload_progress const& message) override {
    begin(progress_kind);
    key("value").Double(message.value);
    writer_.EndObject();
  }
  void encode(upload_done const& message) override {
    begin(done_kind);
    key("id").Uint64(message.id);
    string(key("user"), message.user);
    string(key("name"), message.name);
    string(key("type"), message.type);
    key("size").Uint64(message.size);
    key("seconds").Double(message.seconds);
    key("resumed").Bool(message.resumed);
    string(key("checksum"), message.checksum);
    key("labels").StartArray();
    for (auto const& label : message.labels) string(writer_, label);
    writer_.EndArray();
    key("parts").StartArray();
    for (auto const part : message.parts) writer_.Int(part);
    writer_.EndArray();
    writer_.EndObject();
  }
  std::string_view written() const override { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  using writer_type = rapidjson::Writer<rapidjson::StringBuffer>;

  void begin(std::string_view kind) {
    buffer_.Clear();
    writer_.Reset(buffer_);
    writer_.StartObject();
    string(key("kind"), kind);
  }
  template <std::size_t Size>
  writer_type& key(char const (&name)[Size]) {
    writer_.Key(name, Size - 1);
    return writer_;
  }
  static void string(writer_type& to, std::string_view text) {
    to.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }

  rapidjson::StringBuffer buffer_;
  writer_type writer_{buffer_};
};

decoders const by_sax("rapidjson_sax", [] { return std::make_unique<sax>(); });
encoders const encoding("rapidjson", [] { return std::make_unique<writer>(); });

}  // namespace
