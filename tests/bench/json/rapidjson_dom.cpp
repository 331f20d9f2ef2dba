// RapidJSON's document, in place and with its allocators used again, as for the other in rapidjson.cpp.
#include <rapidjson/document.h>

#include "messages.hpp"

using namespace bench;

namespace {

class dom final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    for (auto const& each : texts) {
      values_.Clear();
      document_type message(&values_, sizeof stack_room_, &stack_);
      if (message.ParseInsitu(received + each.at).HasParseError() || !message.IsObject() ||
          !dispatch(message))
        give_up("RapidJSON's document is not what was expected");
      stack_.Clear();
    }
  }

 private:
  using pool = rapidjson::MemoryPoolAllocator<>;
  using document_type = rapidjson::GenericDocument<rapidjson::UTF8<>, pool, pool>;
  using value_type = document_type::ValueType;

  static value_type const* member(document_type const& from, char const* name) {
    auto const found = from.FindMember(name);
    return found == from.MemberEnd() ? nullptr : &found->value;
  }
  static bool get(document_type const& from, char const* name, std::string& to) {
    auto const* const value = member(from, name);
    if (value == nullptr || !value->IsString()) return false;
    to.assign(value->GetString(), value->GetStringLength());
    return true;
  }
  static bool get(document_type const& from, char const* name, std::uint64_t& to) {
    auto const* const value = member(from, name);
    if (value == nullptr || !value->IsUint64()) return false;
    to = value->GetUint64();
    return true;
  }
  static bool get(document_type const& from, char const* name, double& to) {
    auto const* const value = member(from, name);
    if (value == nullptr || !value->IsNumber()) return false;
    to = value->GetDouble();
    return true;
  }
  static bool get(document_type const& from, char const* name, bool& to) {
    auto const* const value = member(from, name);
    if (value == nullptr || !value->IsBool()) return false;
    to = value->GetBool();
    return true;
  }
  static bool get(document_type const& from, char const* name, std::vector<std::string>& to) {
    auto const* const value = member(from, name);
    if (value == nullptr || !value->IsArray()) return false;
    for (auto const& each : value->GetArray()) {
      if (!each.IsString()) return false;
      to.emplace_back(each.GetString(), each.GetStringLength());
    }
    return true;
  }
  static bool get(document_type const& from, char const* name, std::vector<std::int32_t>& to) {
    auto const* const value = member(from, name);
    if (value == nullptr || !value->IsArray()) return false;
    for (auto const& each : value->GetArray()) {
      if (!each.IsInt()) return false;
      to.push_back(each.GetInt());
    }
    return true;
  }

  bool dispatch(document_type const& from) {
    auto const* const value = member(from, "kind");
    if (value == nullptr || !value->IsString()) return false;
    std::string_view const kind(value->GetString(), value->GetStringLength());
    if (kind == progress_kind) {
      upload_progress message;
      return get(from, "value", message.value) && (got(message), true);
    }
    if (kind == done_kind) {
      upload_done message;
      return get(from, "id", message.id) && get(from, "user", message.user) &&
             get(from, "name", message.name) && get(from, "type", message.type) &&
             get(from, "size", message.size) && get(from, "seconds", message.seconds) &&
             get(from, "resumed", message.resumed) && get(from, "checksum", message.checksum) &&
             get(from, "labels", message.labels) && get(from, "parts", message.parts) && (got(message), true);
    }
    if (kind == failed_kind) {
      upload_failed message;
      return get(from, "reason", message.reason) && (got(message), true);
    }
    return false;
  }

  char value_room_[16384];
  char stack_room_[4096];
  pool values_{value_room_, sizeof value_room_};
  pool stack_{stack_room_, sizeof stack_room_};
};

decoders const by_dom("rapidjson_dom", [] { return std::make_unique<dom>(); });

}  // namespace
