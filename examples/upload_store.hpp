// Where upload keeps its files: names that harm nobody, quotas, and files that are there whole or not at all.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "characters.hpp"

// A name of one file in the upload folder and nothing else. Hidden names are ours.
inline bool is_file_name(std::string_view name) {
  if (name.empty() || name.size() > 200 || name.front() == '.') return false;
  for (std::string_view rest = name; !rest.empty();) {
    char32_t const c = next_code_point(rest);
    if (is_deceptive(c) || c == '/' || c == '\\') return false;
  }
  return true;
}

// How much may be stored: in all, with what was there before, and by one user. A file takes a block at least.
struct quotas {
  std::uint64_t in_all = std::uint64_t{10} << 30;
  std::uint64_t of_user = std::uint64_t{2} << 30;
};

class upload_store {
 public:
  upload_store(std::filesystem::path directory, quotas limits)
      : directory_(std::move(directory)), limits_(limits) {
    std::filesystem::create_directories(directory_);
    for (auto const& each : std::filesystem::directory_iterator(directory_)) {
      if (!each.is_regular_file()) continue;
      // Unfinished when an earlier server ended: a directory has one server.
      bool const unfinished = each.path().filename().string().starts_with(".part-");
      std::error_code failure;
      if (!unfinished || !std::filesystem::remove(each.path(), failure)) used_ += cost(each.file_size());
    }
  }

  // Room for a file, taken before its first byte comes; given back unless the file is kept.
  class reservation;

  // Why there is none; empty if there is.
  std::string refusal(std::string const& user, std::uint64_t size) const {
    if (size > limits_.in_all || cost(size) > limits_.in_all - std::min(used_, limits_.in_all))
      return "no space: the server's quota is used up";
    auto const own = used_by_.find(user);
    std::uint64_t const used = own == used_by_.end() ? 0 : own->second;
    if (size > limits_.of_user || cost(size) > limits_.of_user - std::min(used, limits_.of_user))
      return "no space: your quota is used up";
    std::error_code unknown;
    auto const disk = std::filesystem::space(directory_, unknown);
    return !unknown && disk.available < size ? "no space on the server's disk" : "";
  }

  std::filesystem::path const& directory() const { return directory_; }

 private:
  struct owned {
    std::string user;
    std::uint64_t cost;
  };

  static std::uint64_t cost(std::uint64_t size) { return std::max<std::uint64_t>(size, 4096); }

  void take(std::string const& user, std::uint64_t more) {
    used_ += more;
    used_by_[user] += more;
  }
  void give_back(std::string const& user, std::uint64_t less) {
    used_ -= std::min(used_, less);
    auto const own = used_by_.find(user);
    if (own != used_by_.end() && (own->second -= std::min(own->second, less)) == 0) used_by_.erase(own);
  }

  std::filesystem::path directory_;
  quotas limits_;
  std::uint64_t used_ = 0;
  std::map<std::string, std::uint64_t> used_by_;
  std::map<std::string, owned> files_;  // that have been uploaded since the start
};

class upload_store::reservation {
 public:
  reservation(upload_store& store, std::string user, std::uint64_t size)
      : store_(&store), user_(std::move(user)), cost_(cost(size)) {
    store_->take(user_, cost_);
  }
  reservation(reservation const&) = delete;
  reservation& operator=(reservation const&) = delete;
  ~reservation() {
    if (store_ != nullptr) store_->give_back(user_, cost_);
  }

  // The file is there under this name now, in place of one that took `before` bytes if there was one.
  void keep(std::string const& name, std::optional<std::uint64_t> before) {
    auto const known = store_->files_.find(name);
    if (known != store_->files_.end()) {
      store_->give_back(known->second.user, known->second.cost);
    } else if (before) {
      store_->used_ -= std::min(store_->used_, cost(*before));
    }
    store_->files_.insert_or_assign(name, owned{user_, cost_});
    store_ = nullptr;
  }

 private:
  upload_store* store_;
  std::string user_;
  std::uint64_t cost_;
};

// A file on its way: under a name that nobody asks for until it is whole, and gone if it never is.
class incoming_file {
 public:
  incoming_file(upload_store& store, std::string const& user, std::string name, std::uint64_t size)
      : room_(store, user, size),
        name_(std::move(name)),
        part_(store.directory() / (".part-" + std::to_string(getpid()) + "-" + std::to_string(++count_))),
        final_(store.directory() / name_),
        size_(size),
        // Nobody else's: not a file that is there, and not where a link leads.
        out_(::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)) {
    if (out_ < 0) failure_ = errno;
  }
  incoming_file(incoming_file const&) = delete;
  incoming_file& operator=(incoming_file const&) = delete;
  ~incoming_file() {
    if (out_ < 0) return;
    ::close(out_);
    std::error_code ignored;
    std::filesystem::remove(part_, ignored);
  }

  // Why it cannot be stored; empty if it can.
  std::string problem() const {
    if (failure_ == 0) return "";
    return failure_ == ENOSPC || failure_ == EDQUOT ? "no space on the server's disk"
                                                    : "the file cannot be stored";
  }
  bool takes(std::uint64_t more) const { return more <= size_ - have_; }
  bool whole() const { return have_ == size_; }
  unsigned percent() const {
    return whole() ? 100
                   : static_cast<unsigned>(static_cast<double>(have_) * 100 / static_cast<double>(size_));
  }

  void write(std::span<std::byte const> bytes) {
    have_ += bytes.size();
    while (!bytes.empty() && failure_ == 0) {
      ssize_t const size = ::write(out_, bytes.data(), bytes.size());
      if (size >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(size));
      } else if (errno != EINTR) {
        failure_ = errno;
      }
    }
  }

  // Puts the file under its own name, replacing an older one as a whole.
  void keep() {
    std::error_code none;
    auto const before = std::filesystem::file_size(final_, none);
    if (::close(std::exchange(out_, -1)) != 0) failure_ = errno;
    std::error_code wrong;
    if (failure_ == 0) std::filesystem::rename(part_, final_, wrong);
    if (wrong) failure_ = wrong.value();
    if (failure_ == 0) return room_.keep(name_, none ? std::nullopt : std::optional(std::uint64_t{before}));
    std::filesystem::remove(part_, none);
  }

 private:
  static inline std::uint64_t count_ = 0;
  upload_store::reservation room_;
  std::string name_;
  std::filesystem::path part_;
  std::filesystem::path final_;
  std::uint64_t size_;
  std::uint64_t have_ = 0;
  int failure_ = 0;
  int out_;
};
