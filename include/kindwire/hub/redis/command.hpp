// A command to Redis, as it is sent.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kindwire::detail {

// May throw std::bad_alloc, with nothing appended.
inline void append_redis_command(std::string& to, std::span<std::string_view const> words) {
  std::vector<char const*> texts;
  std::vector<std::size_t> sizes;
  texts.reserve(words.size());
  sizes.reserve(words.size());
  for (std::string_view const each : words) {
    texts.push_back(each.data());
    sizes.push_back(each.size());
  }
  char* text = nullptr;
  auto const size = redisFormatCommandArgv(&text, static_cast<int>(words.size()), texts.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  struct destroy {
    void operator()(char* what) const noexcept { redisFreeCommand(what); }
  };
  std::unique_ptr<char, destroy> const formatted(text);
  to.append(formatted.get(), static_cast<std::size_t>(size));
}

}  // namespace kindwire::detail
