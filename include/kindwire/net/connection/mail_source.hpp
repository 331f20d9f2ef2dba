// What others keep for a connection until it takes it.
#pragma once

#include <utility>

namespace kindwire::net::detail {

// Something that has messages for a connection, which are to leave before what the connection sends of its
// own afterwards. In the lists of any number of connections of one executor; used on that only.
class mail_source {
 public:
  mail_source() noexcept = default;
  mail_source(mail_source const&) = delete;
  mail_source& operator=(mail_source const&) = delete;

  virtual bool has_mail() const noexcept = 0;
  // Queues them; may do so for other connections, too. Calls no user code.
  virtual void deliver_mail() noexcept = 0;

 protected:
  ~mail_source() = default;
};

// A link in a connection's list, which must outlive it.
class mail_source_link {
 public:
  explicit mail_source_link(mail_source& of) noexcept : source_(of) {}
  mail_source_link(mail_source_link const&) = delete;
  mail_source_link& operator=(mail_source_link const&) = delete;

 private:
  friend class mail_sources;
  mail_source& source_;
  mail_source_link* next_ = nullptr;
};

// Those of one connection.
class mail_sources {
 public:
  void add(mail_source_link& link) noexcept { link.next_ = std::exchange(first_, &link); }
  void remove(mail_source_link& link) noexcept {
    for (mail_source_link** at = &first_; *at != nullptr; at = &(*at)->next_) {
      if (*at != &link) continue;
      *at = link.next_;
      return;
    }
  }

  // A source may add and remove links, but not that by which it was found.
  void deliver() noexcept {
    for (mail_source_link* each = first_; each != nullptr;) {
      mail_source_link* const next = each->next_;
      if (each->source_.has_mail()) each->source_.deliver_mail();
      each = next;
    }
  }

 private:
  mail_source_link* first_ = nullptr;
};

}  // namespace kindwire::net::detail
