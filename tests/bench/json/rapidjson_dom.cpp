// RapidJSON's document, in place and with its allocators used again, as for the other in rapidjson.cpp.
#include <rapidjson/document.h>

#include "document_fields.hpp"

using namespace bench;

namespace {

class dom final : public decoder {
 public:
  void decode(char* received, std::vector<text> const& texts) override {
    for (auto const& each : texts) {
      values_.Clear();
      document_type message(&values_, sizeof stack_room_, &stack_);
      if (message.ParseInsitu(received + each.at).HasParseError() || !message.IsObject() ||
          !take_document(message, got))
        give_up("RapidJSON's document is not what was expected");
      stack_.Clear();
    }
  }

 private:
  using pool = rapidjson::MemoryPoolAllocator<>;
  using document_type = rapidjson::GenericDocument<rapidjson::UTF8<>, pool, pool>;
  char value_room_[16384];
  char stack_room_[4096];
  pool values_{value_room_, sizeof value_room_};
  pool stack_{stack_room_, sizeof stack_room_};
};

decoders const by_dom("rapidjson_dom", [] { return std::make_unique<dom>(); });

}  // namespace
