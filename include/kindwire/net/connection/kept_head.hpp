// What a connection keeps of its opening handshake, packed: most never use it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "../../handshake/head.hpp"
#include "../../handshake/request.hpp"
#include "handshake_report.hpp"

namespace kindwire::net::detail {

// The request as text, its parameters, the subprotocol and the extensions, in one block; the request is
// parsed again on demand. Not thread safe.
class kept_head {
 public:
  kept_head() noexcept = default;
  kept_head(request const& head, std::string_view subprotocol, std::string_view extensions = {}) {
    std::string parameters;
    for (auto const& [name, value] : head.parameters()) {
      append_counted(parameters, name);
      append_counted(parameters, value);
    }
    pack(head_of(head), parameters, subprotocol, extensions);
  }
  explicit kept_head(std::string_view subprotocol, std::string_view extensions = {}) {
    if (!subprotocol.empty() || !extensions.empty()) pack({}, {}, subprotocol, extensions);
  }

  std::string_view subprotocol() const noexcept {
    if (!block_) return {};
    return {bytes() + block_->text + block_->parameters, block_->subprotocol};
  }

  std::string_view extensions() const noexcept {
    if (!block_) return {};
    return {bytes() + block_->text + block_->parameters + block_->subprotocol, block_->extensions};
  }

  // The request, or null; valid as long as this. May throw std::bad_alloc. `describe(request&)` tells it what
  // the connection knows, and is called only the first time.
  template <class Describe>
  request const* whole(Describe describe) {
    if (!block_ || block_->text == 0) return nullptr;
    if (!block_->whole) {
      auto fresh = unpack();
      describe(*fresh);
      block_->whole = std::move(fresh);
    }
    return block_->whole.get();
  }
  request const* whole() {
    return whole([](request&) {});
  }

 private:
  // The packed text follows it.
  struct block {
    std::unique_ptr<request> whole;
    std::uint32_t text;  // sizes
    std::uint32_t parameters;
    std::uint32_t subprotocol;
    std::uint32_t extensions;
  };
  struct free_block {
    void operator()(block* last) const noexcept {
      last->~block();
      ::operator delete(last);
    }
  };

  static void append_counted(std::string& to, std::string_view text) {
    auto const size = static_cast<std::uint32_t>(text.size());
    to.append(reinterpret_cast<char const*>(&size), sizeof size).append(text);
  }
  static std::string take_counted(std::string_view& from) {
    std::uint32_t size = 0;
    std::memcpy(&size, from.data(), sizeof size);
    std::string text(from.substr(sizeof size, size));
    from.remove_prefix(sizeof size + size);
    return text;
  }

  char const* bytes() const noexcept { return reinterpret_cast<char const*>(block_.get() + 1); }

  void pack(std::string_view text, std::string_view parameters, std::string_view subprotocol,
            std::string_view extensions) {
    auto const size = [](std::string_view part) { return static_cast<std::uint32_t>(part.size()); };
    void* const room = ::operator new(sizeof(block) + text.size() + parameters.size() + subprotocol.size() +
                                      extensions.size());
    block_.reset(::new (room)
                     block{nullptr, size(text), size(parameters), size(subprotocol), size(extensions)});
    char* to = reinterpret_cast<char*>(block_.get() + 1);
    for (std::string_view const part : {text, parameters, subprotocol, extensions}) {
      if (!part.empty()) std::memcpy(to, part.data(), part.size());
      to += part.size();
    }
  }

  std::unique_ptr<request> unpack() const {
    // It has passed the server's limits before.
    constexpr std::size_t any = (std::numeric_limits<std::size_t>::max)();
    head_parser parser{head_parser::kind::request, {.max_line = any, .max_head = any, .max_headers = any}};
    parser.put({bytes(), block_->text});
    auto result = std::make_unique<request>();
    request::from(std::move(parser), *result);
    path_parameters parameters;
    for (std::string_view rest{bytes() + block_->text, block_->parameters}; !rest.empty();) {
      std::string name = take_counted(rest);
      parameters.emplace_back(std::move(name), take_counted(rest));
    }
    result->set_parameters(std::move(parameters));
    return result;
  }

  std::unique_ptr<block, free_block> block_;
};

}  // namespace kindwire::net::detail
