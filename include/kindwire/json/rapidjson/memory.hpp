// The memory of documents that live for one call, kept by each thread for the next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "../../kernel/thread_object.hpp"
#include "../reading/message_reader.hpp"
#include "library.hpp"

namespace kindwire::detail {

/// The allocator of a document's stack, which has one block at a time.
class stack_block {
 public:
  static bool const kNeedFree = false;

  void* Malloc(std::size_t size) { return Realloc(nullptr, 0, size); }
  void* Realloc(void* from, std::size_t from_size, std::size_t size) {
    if (size <= size_) return block_.get();
    std::unique_ptr<char[]> larger(new char[size]);
    if (from != nullptr) std::memcpy(larger.get(), from, from_size);
    block_ = std::move(larger);
    size_ = size;
    return block_.get();
  }
  static void Free(void*) noexcept {}

  void shrink(std::size_t most) noexcept {
    if (size_ <= most) return;
    block_.reset();
    size_ = 0;
  }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t size_ = 0;
};

/// The memory for one document at a time.
class document_memory {
 public:
  using pool = rapidjson::MemoryPoolAllocator<>;
  using document = rapidjson::GenericDocument<rapidjson::UTF8<>, pool, stack_block>;

  document_memory() { use_block(std::unique_ptr<char[]>(new char[least]), least); }
  document_memory(document_memory const&) = delete;
  document_memory& operator=(document_memory const&) = delete;

  pool& values() noexcept { return *pool_; }
  stack_block& stack() noexcept { return stack_; }

  /// Forgets all values. The kept block grows until a message that is not unusually large fits into it; the
  /// rest is given back.
  void clear() noexcept {
    std::size_t const used = pool_->Size();
    pool_->Clear();
    stack_.shrink(most);
    if (used <= size_ - overhead || size_ == most) return;
    std::size_t const wanted = (std::min)(most, 2 * used);
    if (std::unique_ptr<char[]> larger{new (std::nothrow) char[wanted]}) use_block(std::move(larger), wanted);
  }

 private:
  static constexpr std::size_t least = 4096;
  static constexpr std::size_t most = 65536;
  static constexpr std::size_t overhead = 128;  // more than the pool's own

  void use_block(std::unique_ptr<char[]> block, std::size_t size) noexcept {
    pool_.reset();
    block_ = std::move(block);
    size_ = size;
    pool_.emplace(block_.get(), size, least, &base_);
  }

  rapidjson::CrtAllocator base_;
  std::unique_ptr<char[]> block_;
  std::size_t size_ = 0;
  std::optional<pool> pool_;
  stack_block stack_;
};

/// What a thread keeps; empty while in use, so that a handler may dispatch another message.
struct kept_memory {
  std::unique_ptr<document_memory> documents;
  std::string text;
  message_reader::memory reading;
};

/// A document_memory for a call.
class borrowed_memory {
 public:
  borrowed_memory() {
    if (auto* const kept = of_this_thread<kept_memory>()) memory_ = std::move(kept->documents);
    if (!memory_) memory_ = std::make_unique<document_memory>();
  }
  borrowed_memory(borrowed_memory const&) = delete;
  borrowed_memory& operator=(borrowed_memory const&) = delete;
  ~borrowed_memory() {
    memory_->clear();
    if (auto* const kept = of_this_thread<kept_memory>(); kept != nullptr && !kept->documents)
      kept->documents = std::move(memory_);
  }

  document_memory& operator*() const noexcept { return *memory_; }

 private:
  std::unique_ptr<document_memory> memory_;
};

/// The memory of a message_reader while it reads one message.
class borrowed_reading {
 public:
  explicit borrowed_reading(message_reader& reader) noexcept : reader_(reader) {
    if (auto* const kept = of_this_thread<kept_memory>()) reader_.swap_memory(kept->reading);
  }
  borrowed_reading(borrowed_reading const&) = delete;
  borrowed_reading& operator=(borrowed_reading const&) = delete;
  ~borrowed_reading() {
    auto* const kept = of_this_thread<kept_memory>();
    if (kept == nullptr) return;
    reader_.swap_memory(kept->reading);
    member_names::tidy(kept->reading.names);
    if (kept->reading.scratch.capacity() > 65536) kept->reading.scratch = {};
  }

 private:
  message_reader& reader_;
};

/// A text for a call.
class borrowed_text {
 public:
  borrowed_text() {
    if (auto* const kept = of_this_thread<kept_memory>()) text_ = std::move(kept->text);
    text_.clear();
  }
  borrowed_text(borrowed_text const&) = delete;
  borrowed_text& operator=(borrowed_text const&) = delete;
  ~borrowed_text() {
    if (text_.capacity() > 65536) return;
    auto* const kept = of_this_thread<kept_memory>();
    if (kept != nullptr && kept->text.capacity() < text_.capacity()) kept->text = std::move(text_);
  }

  std::string& operator*() noexcept { return text_; }
  std::string const& operator*() const noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace kindwire::detail
