// What the examples share: `--name value` flags.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

class arguments {
 public:
  arguments(int count, char** values, char const* usage) : usage_(usage), words_(values + 1, values + count) {
    for (auto const& word : words_) {
      if (word != "--help") continue;
      std::fputs(usage_, stdout);
      std::exit(0);
    }
  }

  // The text behind `name`, or `otherwise`. Takes both out of the list.
  std::string text(std::string_view name, std::string_view otherwise) {
    for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
      if (words_[i] != name) continue;
      std::string value(words_[i + 1]);
      words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(i),
                   words_.begin() + static_cast<std::ptrdiff_t>(i) + 2);
      return value;
    }
    return std::string(otherwise);
  }

  template <class Number>
  Number number(std::string_view name, Number otherwise) {
    std::string const value = text(name, "");
    if (value.empty()) return otherwise;
    Number result{};
    auto const [end, failure] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (failure != std::errc{} || end != value.data() + value.size()) refuse(std::string(name) + " " + value);
    return result;
  }

  // Whether the word `name` is there. Takes it out of the list.
  bool flag(std::string_view name) { return std::erase(words_, name) != 0; }

  std::chrono::milliseconds seconds(std::string_view name, std::chrono::milliseconds otherwise) {
    return std::chrono::milliseconds(
        static_cast<long>(1000 * number(name, static_cast<double>(otherwise.count()) / 1000)));
  }

  // The one word that is no flag.
  std::string word() {
    if (words_.empty()) refuse("a word is missing");
    std::string value(words_.front());
    words_.erase(words_.begin());
    return value;
  }

  // To be called last: nothing may be left over.
  void done() const {
    if (!words_.empty()) refuse(std::string(words_.front()));
  }

  // Says what is wrong, and ends the program.
  [[noreturn]] void refuse(std::string const& what) const {
    std::fprintf(stderr, "unknown or bad argument: %s\n%s", what.c_str(), usage_);
    std::exit(2);
  }

 private:
  char const* usage_;
  std::vector<std::string_view> words_;
};
