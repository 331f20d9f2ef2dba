// What a handler takes out of a document of RapidJSON's: the fields of the three kinds, checked by hand.
#pragma once

#include <rapidjson/document.h>

#include "messages.hpp"

namespace bench {

inline rapidjson::Value const* member(rapidjson::Value const& from, char const* name) {
  auto const found = from.FindMember(name);
  return found == from.MemberEnd() ? nullptr : &found->value;
}
inline bool get(rapidjson::Value const& from, char const* name, std::string& to) {
  auto const* const value = member(from, name);
  if (value == nullptr || !value->IsString()) return false;
  to.assign(value->GetString(), value->GetStringLength());
  return true;
}
inline bool get(rapidjson::Value const& from, char const* name, std::uint64_t& to) {
  auto const* const value = member(from, name);
  if (value == nullptr || !value->IsUint64()) return false;
  to = value->GetUint64();
  return true;
}
inline bool get(rapidjson::Value const& from, char const* name, double& to) {
  auto const* const value = member(from, name);
  if (value == nullptr || !value->IsNumber()) return false;
  to = value->GetDouble();
  return true;
}
inline bool get(rapidjson::Value const& from, char const* name, bool& to) {
  auto const* const value = member(from, name);
  if (value == nullptr || !value->IsBool()) return false;
  to = value->GetBool();
  return true;
}
inline bool get(rapidjson::Value const& from, char const* name, std::vector<std::string>& to) {
  auto const* const value = member(from, name);
  if (value == nullptr || !value->IsArray()) return false;
  for (auto const& each : value->GetArray()) {
    if (!each.IsString()) return false;
    to.emplace_back(each.GetString(), each.GetStringLength());
  }
  return true;
}
inline bool get(rapidjson::Value const& from, char const* name, std::vector<std::int32_t>& to) {
  auto const* const value = member(from, name);
  if (value == nullptr || !value->IsArray()) return false;
  for (auto const& each : value->GetArray()) {
    if (!each.IsInt()) return false;
    to.push_back(each.GetInt());
  }
  return true;
}

/// Hands the message that a document is to `got`; false if it is none.
inline bool take_document(rapidjson::Value const& from, totals& got) {
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

}  // namespace bench
