// Memory for one posted handler at a time, used again for the next.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace kindwire::net::detail {

// For a post that another thread does over and over: Asio keeps the memory of handlers for the threads that
// run them, and a thread that does not has none. Not thread safe: the next handler is posted after the last
// has been called, by somebody who knows it.
class handler_room {
 public:
  handler_room() noexcept = default;
  handler_room(handler_room const&) = delete;
  handler_room& operator=(handler_room const&) = delete;

  void* allocate(std::size_t size) {
    if (in_use_) return ::operator new(size);
    if (size > size_) {
      room_.reset();
      size_ = 0;
      room_.reset(static_cast<std::byte*>(::operator new(size)));
      size_ = size;
    }
    in_use_ = true;
    return room_.get();
  }
  void deallocate(void* place) noexcept {
    if (place != room_.get()) return ::operator delete(place);
    in_use_ = false;
  }

 private:
  struct freeing {
    void operator()(std::byte* place) const noexcept { ::operator delete(static_cast<void*>(place)); }
  };

  std::unique_ptr<std::byte, freeing> room_;
  std::size_t size_ = 0;
  bool in_use_ = false;
};

// A handler's associated allocator. The handler keeps the room.
template <class T>
class handler_allocator {
 public:
  using value_type = T;

  explicit handler_allocator(handler_room& room) noexcept : room_(&room) {}
  template <class U>
  handler_allocator(handler_allocator<U> const& other) noexcept : room_(other.room_) {}

  T* allocate(std::size_t count) { return static_cast<T*>(room_->allocate(count * sizeof(T))); }
  void deallocate(T* place, std::size_t) noexcept { room_->deallocate(place); }

  template <class U>
  bool operator==(handler_allocator<U> const& other) const noexcept {
    return room_ == other.room_;
  }

 private:
  template <class U>
  friend class handler_allocator;

  handler_room* room_;
};

}  // namespace kindwire::net::detail
