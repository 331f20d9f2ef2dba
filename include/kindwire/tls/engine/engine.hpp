// TLS over something that receives and sends without waiting: bytes in, bytes out, by OpenSSL.
//
// OpenSSL reads and writes blocks of ours, which are filled and emptied by as few system calls as possible.
// What the socket does not take of a block stays here, in front of everything that follows.
#pragma once

#include "../requirements.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../error.hpp"
#include "../loading/context_state.hpp"
#include "../loading/openssl_ptr.hpp"
#include "plaintext.hpp"
#include "record_bytes.hpp"

namespace kindwire::tls::detail {

class engine {
 public:
  engine(engine const&) = delete;
  engine& operator=(engine const&) = delete;

  // Null before the handshake has begun.
  SSL* native_handle() const noexcept { return ssl_.get(); }

  // True once the handshake is done, and for good.
  bool is_established() const noexcept { return established_; }

  // True if a client without TLS has sent a request of HTTP instead of a handshake.
  bool met_plain_http() const noexcept { return plain_http_; }

  // True if read() has something to say without the socket being readable. What has to wait for room does not
  // count: reading again would only find that there is still none.
  bool has_input() const noexcept {
    if (!established_ || read_failure_) return established_;
    return (!wants_room_ || out_.empty()) && (!in_.empty() || ::SSL_pending(ssl_.get()) > 0);
  }

  // After read(): false if the socket will tell when there is more.
  bool may_have_more() const noexcept { return !drained_ || has_input(); }

  // True while what OpenSSL wants to say does not fit here: reading waits until the socket is writable.
  bool reading_waits_for_room() const noexcept { return wants_room_; }

  // Bytes that the socket has not taken; flush() is to be called once it is writable.
  std::size_t unsent() const noexcept { return out_.size(); }

  // Goes on with the handshake as far as possible. would_block: call again once the socket is readable, or
  // writable if reading_waits_for_room(). Any other failure is for good.
  void handshake(std::error_code& failure) noexcept {
    failure.clear();
    if (established_) return;
    if (!ssl_ && !begin(failure)) return;
    if (read_failure_) return void(failure = read_failure_);
    begin_call(0);
    int const result = ::SSL_do_handshake(ssl_.get());
    if (result == 1) {
      failure = context_->check(ssl_.get());
    } else {
      failure = outcome(result);
    }
    if (result == 1 && !failure) established_ = true;
    if (failure && failure != asio::error::would_block) read_failure_ = write_failure_ = failure;
    end_call();
  }

  // Reads what is there, as far as it fits, and as far as one call may go: a peer that sends many records for
  // little must not keep the thread. would_block: as for handshake(), or call again at once if has_input().
  // eof: the peer has said that nothing follows; what it sends after that is ignored. error::connection_lost:
  // it has left without a word, and more may have been under way. A failure behind bytes is reported by the
  // next call. Given room for a block and a record more, it leaves nothing of what it has received, unless
  // the records are short.
  std::size_t read(std::span<std::byte> into, std::error_code& failure) noexcept {
    failure.clear();
    if (!established_) return fail(failure, asio::error::not_connected);
    if (read_failure_ || into.empty()) return fail(failure, read_failure_);
    begin_call(into.size());
    std::size_t size = 0;
    while (size != into.size() && records_ < most_records) {
      may_receive_ = size == 0 || into.size() - size >= block_size + record_size;
      std::size_t part = 0;
      int const result = ::SSL_read_ex(ssl_.get(), into.data() + size, into.size() - size, &part);
      size += part;
      if (result == 1) {
        without_data_ = 0;
        continue;
      }
      failure = outcome(result);
      break;
    }
    end_call();
    if (failure && failure != asio::error::would_block) read_failure_ = failure;
    if (size != 0) failure.clear();
    return size;
  }

  // Writes some of the pieces, in order, and at once: what the socket does not take stays here, at most a
  // block of it. would_block: there is something here that the socket does not take.
  std::size_t write(std::span<std::span<std::byte const> const> pieces, std::error_code& failure) noexcept {
    flush(failure);
    if (failure) return 0;
    if (!established_) return fail(failure, asio::error::not_connected);
    if (finished_) return fail(failure, asio::error::shut_down);
    begin_call(0);
    std::size_t size = 0;
    try {
      plaintext rest(pieces);
      while (size != most_at_once && !rest.empty()) {
        auto const next = rest.next(most_at_once - size);
        std::size_t part = 0;
        int const result = ::SSL_write_ex(ssl_.get(), next.data(), next.size(), &part);
        size += part;
        rest.consume(part);
        if (result == 1) continue;
        failure = outcome(result);
        // What OpenSSL has begun of a record would precede whatever came next.
        if (failure != asio::error::would_block) write_failure_ = failure;
        break;
      }
    } catch (std::bad_alloc const&) {
      failure = std::make_error_code(std::errc::not_enough_memory);  // nothing of that piece has been written
    }
    end_call();
    if (size != 0) failure.clear();
    return size;
  }

  // Sends what is here. would_block if the socket does not take all of it.
  void flush(std::error_code& failure) noexcept {
    // After a failed handshake too: it ends with an alert.
    if (!out_.empty()) {
      send_out();
      out_.rest();
    }
    failure = write_failure_;
    if (!failure && !out_.empty()) failure = asio::error::would_block;
  }

  // Says that nothing follows (RFC 8446 §6.1). What the socket does not take of that is in unsent(); if there
  // was no room for it, the next call says it.
  void finish_sending() noexcept {
    finished_ = true;
    if (!established_ || write_failure_ || told_) return;
    begin_call(0);
    told_ = ::SSL_shutdown(ssl_.get()) >= 0;
    end_call();
    ::ERR_clear_error();
  }

  // The socket is closed, or about to be.
  void give_up() noexcept {
    read_failure_ = write_failure_ = asio::error::make_error_code(asio::error::operation_aborted);
    out_.consume(out_.size());
    in_.consume(in_.size());
    out_.rest();
    in_.rest();
  }

 protected:
  engine(std::shared_ptr<context_state const> with, peer_name peer)
      : context_(std::move(with)), peer_(std::move(peer)) {}

  // A connection that was not broken is worth resuming, however it has ended: OpenSSL would forget its
  // session otherwise.
  ~engine() {
    if (ssl_ && established_) ::SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  // Without waiting: would_block, eof, or what the socket has failed with.
  virtual std::size_t receive(std::span<std::byte> into, std::error_code& failure) noexcept = 0;
  virtual std::size_t send(std::span<std::byte const> bytes, std::error_code& failure) noexcept = 0;

 private:
  // Leaves room in a block for what surrounds that many bytes.
  static constexpr std::size_t most_at_once = 3 * record_size;
  // What one call takes in: records, and bytes beyond those that it was asked for.
  static constexpr std::size_t most_records = 1024;
  static constexpr std::size_t most_overhead = 2 * block_size;
  // Records in a row without data that a peer may send. New keys cost us more than it takes to ask for them
  // (RFC 8446 §4.6.3), and nobody needs a hundred.
  static constexpr std::size_t most_without_data = 100;

  static std::size_t fail(std::error_code& failure, std::error_code why) noexcept {
    failure = why;
    return 0;
  }

  bool begin(std::error_code& failure) noexcept {
    ::ERR_clear_error();
    openssl_ptr<SSL> fresh(::SSL_new(context_->native_handle()));
    BIO_METHOD* const methods = method();
    BIO* const bio = fresh && methods != nullptr ? ::BIO_new(methods) : nullptr;
    if (bio == nullptr) {
      failure = last_error();
      return false;
    }
    ::BIO_set_data(bio, this);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(fresh.get(), bio, bio);
    ::SSL_set_msg_callback(fresh.get(), count_record);
    SSL_set_msg_callback_arg(fresh.get(), this);
    try {
      failure = context_->prepare(fresh.get(), peer_);
    } catch (std::bad_alloc const&) {
      failure = std::make_error_code(std::errc::not_enough_memory);
    }
    if (failure) return false;
    ssl_ = std::move(fresh);
    return true;
  }

  void begin_call(std::size_t wanted) noexcept {
    ::ERR_clear_error();
    drained_ = wants_room_ = false;
    may_receive_ = true;
    records_ = 0;
    may_take_ = wanted + most_overhead;
  }
  void end_call() noexcept {
    send_out();
    in_.rest();
    out_.rest();
  }

  std::error_code outcome(int result) noexcept {
    switch (::SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_WRITE: wants_room_ = true; return asio::error::would_block;
      case SSL_ERROR_WANT_READ: return asio::error::would_block;
      case SSL_ERROR_ZERO_RETURN: return asio::error::eof;
      case SSL_ERROR_SYSCALL:
        ::ERR_clear_error();
        return socket_failure_ ? socket_failure_ : make_error_code(kindwire::error::connection_lost);
      default: break;
    }
    unsigned long const code = ::ERR_peek_error();
    int const reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    plain_http_ = !established_ && (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST ||
                                    (reason == SSL_R_WRONG_VERSION_NUMBER && begins_with_method()));
    // Of a verification there is more to say than that it has failed. It has come last, whatever else has
    // gone wrong in the search for authorities.
    unsigned long const last = ::ERR_peek_last_error();
    bool const refused =
        ERR_GET_LIB(last) == ERR_LIB_SSL && ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    long const verified = ::SSL_get_verify_result(ssl_.get());
    if (!refused || verified == X509_V_OK) return last_error();
    ::ERR_clear_error();
    return verification_error(verified);
  }

  void send_out() noexcept {
    while (!out_.empty()) {
      std::error_code failure;
      std::size_t const size = send(out_.bytes(), failure);
      out_.consume(size);
      if (failure == asio::error::would_block || failure == asio::error::try_again) return;
      if (failure) {
        if (!write_failure_) write_failure_ = failure;
        return out_.consume(out_.size());
      }
    }
  }

  // OpenSSL's side: false to try again later, or for a failure.

  bool take(std::span<std::byte> into, std::size_t& size) {
    if (without_data_ > most_without_data) {
      socket_failure_ = error::records_without_data;
      return false;
    }
    if (records_ >= most_records) return false;
    if (in_.empty()) {
      // A short read means that all was read; the end, if there is one, is told by the next.
      if (drained_ || !may_receive_ || may_take_ == 0) return false;
      auto const room = in_.room();
      std::size_t const got = receive(room, socket_failure_);
      if (socket_failure_ == asio::error::eof) {
        socket_failure_ = kindwire::error::connection_lost;
      } else if (!is_wait() && !write_failure_) {
        write_failure_ = socket_failure_;  // after a reset there is nobody to be told anything
      }
      in_.commit(got);
      may_take_ -= (std::min)(got, may_take_);
      drained_ = got < room.size();
      if (got == 0) return false;
    }
    size = (std::min)(into.size(), in_.size());
    std::memcpy(into.data(), in_.bytes().data(), size);
    in_.consume(size);
    if (!established_) note_first(into.first(size));
    return true;
  }

  // OpenSSL knows a few methods of HTTP: not that of a browser that asks first (OPTIONS), say.
  void note_first(std::span<std::byte const> bytes) noexcept {
    std::size_t const more = (std::min)(bytes.size(), first_.size() - first_size_);
    std::memcpy(first_.data() + first_size_, bytes.data(), more);
    first_size_ += more;
  }
  bool begins_with_method() const noexcept {
    auto const end = std::find(first_.begin(), first_.end(), ' ');
    return end != first_.begin() &&
           std::all_of(first_.begin(), end, [](char each) { return each >= 'A' && each <= 'Z'; });
  }

  bool put(std::span<std::byte const> bytes, std::size_t& size) {
    auto room = out_.room();
    if (room.empty()) {
      send_out();
      room = out_.room();
    }
    if (room.empty()) return false;
    size = (std::min)(bytes.size(), room.size());
    std::memcpy(room.data(), bytes.data(), size);
    out_.commit(size);
    return true;
  }

  // OpenSSL has read the header of a record.
  static void count_record(int written, int, int what, void const*, std::size_t, SSL*, void* data) noexcept {
    auto& self = *static_cast<engine*>(data);
    if (written != 0 || what != SSL3_RT_HEADER || !self.established_) return;
    ++self.records_;
    ++self.without_data_;
  }

  bool is_wait() const noexcept {
    return !socket_failure_ || socket_failure_ == asio::error::would_block ||
           socket_failure_ == asio::error::try_again;
  }

  template <class Work>
  static int call(BIO* bio, int retry, Work work) noexcept {
    auto& self = *static_cast<engine*>(::BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    self.socket_failure_.clear();
    try {
      if (work(self)) return 1;
    } catch (std::bad_alloc const&) {
      self.socket_failure_ = std::make_error_code(std::errc::not_enough_memory);
    }
    if (self.is_wait()) ::BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return 0;
  }

  // Null if there is no memory for it. It is the same for all, and never given back: streams may outlive
  // whatever would do that.
  static BIO_METHOD* method() noexcept {
    static BIO_METHOD* const one = [] {
      BIO_METHOD* const fresh = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kindwire");
      if (fresh == nullptr) return fresh;
      ::BIO_meth_set_read_ex(fresh, [](BIO* bio, char* into, std::size_t room, std::size_t* size) {
        return call(bio, BIO_FLAGS_READ, [&](engine& self) {
          return self.take(std::as_writable_bytes(std::span(into, room)), *size);
        });
      });
      ::BIO_meth_set_write_ex(fresh, [](BIO* bio, char const* from, std::size_t length, std::size_t* size) {
        return call(bio, BIO_FLAGS_WRITE,
                    [&](engine& self) { return self.put(std::as_bytes(std::span(from, length)), *size); });
      });
      ::BIO_meth_set_ctrl(fresh,
                          [](BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1L : 0L; });
      return fresh;
    }();
    return one;
  }

  std::shared_ptr<context_state const> context_;
  peer_name const peer_;
  openssl_ptr<SSL> ssl_;
  record_bytes in_;
  record_bytes out_;
  std::error_code read_failure_;
  std::error_code write_failure_;
  std::error_code socket_failure_;
  std::array<char, 5> first_{};  // that the peer has sent, as long as the header of a record
  std::size_t first_size_ = 0;
  bool established_ = false;
  bool finished_ = false;  // nothing follows
  bool told_ = false;      // and we have said so
  bool plain_http_ = false;
  bool drained_ = false;          // in the last call: the socket had nothing more
  bool may_receive_ = true;       // during a call: what comes has a place
  bool wants_room_ = false;       // after a call
  std::size_t may_take_ = 0;      // during a call
  std::size_t records_ = 0;       // during a call
  std::size_t without_data_ = 0;  // records since the last data
};

}  // namespace kindwire::tls::detail
