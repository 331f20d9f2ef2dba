// An object that each thread has for itself.
#pragma once

// MinGW's g++ frees a thread's thread_local objects before it calls their destructors (GCC bug 80816).
#if defined(__MINGW32__) && defined(__GNUC__) && !defined(__clang__)
#include <bits/gthr.h>

#include <cstdlib>
#include <new>
#define KINDWIRE_THREAD_LOCALS_FREED_EARLY
#endif

namespace kindwire::detail {

#ifdef KINDWIRE_THREAD_LOCALS_FREED_EARLY
// Made by the thread's first call, and destroyed as the thread ends. Null if there is no memory for it.
template <class T>
T* of_this_thread() noexcept {
  static __gthread_key_t const key = [] {
    __gthread_key_t made{};
    auto const end = [](void* place) {
      static_cast<T*>(place)->~T();
      std::free(place);
    };
    if (__gthread_key_create(&made, end) != 0) std::abort();
    return made;
  }();
  if (void* const place = __gthread_getspecific(key)) return static_cast<T*>(place);
  void* const place = std::malloc(sizeof(T));
  if (place == nullptr) return nullptr;
  auto* const fresh = ::new (place) T;
  if (__gthread_setspecific(key, fresh) == 0) return fresh;
  fresh->~T();
  std::free(place);
  return nullptr;
}
#else
// Made by the thread's first call, and destroyed as the thread ends. Null after that: what has static storage
// may outlive it.
template <class T>
T* of_this_thread() noexcept {
  struct owner {
    T object;
    bool* gone;
    explicit owner(bool* flag) noexcept : gone(flag) {}
    owner(owner const&) = delete;
    owner& operator=(owner const&) = delete;
    ~owner() { *gone = true; }
  };
  thread_local constinit bool gone = false;
  if (gone) return nullptr;
  thread_local owner mine{&gone};
  return &mine.object;
}
#endif

}  // namespace kindwire::detail

#ifdef KINDWIRE_THREAD_LOCALS_FREED_EARLY
#undef KINDWIRE_THREAD_LOCALS_FREED_EARLY
#endif
