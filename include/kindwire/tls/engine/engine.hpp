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

  // True if read() has something to say without the socket being readable.
  bool has_input() const noexcept {
    return established_ && (read_failure_ || !in_.empty() || ::SSL_pending(ssl_.get()) > 0);
  }

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
    begin_call();
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

  // Reads what is there, as far as it fits. would_block: as for handshake(). eof: the peer has said that
  // nothing follows; what it sends after that is ignored. error::connection_lost: it has left without a word,
  // and more may have been under way. A failure behind bytes is reported by the next call. Given room for a
  // block, it leaves nothing of what it has received: who waits for the socket already needs no other wait.
  std::size_t read(std::span<std::byte> into, std::error_code& failure) noexcept {
    failure.clear();
    if (!established_) return fail(failure, asio::error::not_connected);
    if (read_failure_ || into.empty()) return fail(failure, read_failure_);
    begin_call();
    std::size_t size = 0;
    while (size != into.size()) {
      may_receive_ = size == 0 || into.size() - size >= block_size;
      std::size_t part = 0;
      int const result = ::SSL_read_ex(ssl_.get(), into.data() + size, into.size() - size, &part);
      size += part;
      if (result == 1) continue;
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
    begin_call();
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
    failure = write_failure_;
    if (failure || out_.empty()) return;
    send_out();
    out_.rest();
    failure = write_failure_;
    if (!failure && !out_.empty()) failure = asio::error::would_block;
  }

  // Says that nothing follows (RFC 8446 §6.1). What the socket does not take of that is in unsent().
  void finish_sending() noexcept {
    if (!established_ || write_failure_ || std::exchange(finished_, true)) return;
    begin_call();
    ::SSL_shutdown(ssl_.get());
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
  static constexpr std::size_t record_size = std::size_t{16} << 10;
  // Leaves room in a block for what surrounds that many bytes.
  static constexpr std::size_t most_at_once = 3 * record_size;

  // What is to be written: short pieces share a record.
  class plaintext {
   public:
    explicit plaintext(std::span<std::span<std::byte const> const> pieces) noexcept : pieces_(pieces) {
      skip();
    }
    plaintext(plaintext const&) = delete;
    plaintext& operator=(plaintext const&) = delete;
    ~plaintext() {
      if (gathered_) block_stock::give_back(std::move(gathered_));
    }

    bool empty() const noexcept { return pieces_.empty(); }

    // At most `most` bytes, there is one at least. May throw std::bad_alloc.
    std::span<std::byte const> next(std::size_t most) {
      auto const first = pieces_.front().subspan(taken_);
      if (first.size() >= record_size || pieces_.size() == 1)
        return first.first((std::min)(first.size(), most));
      if (!gathered_) gathered_ = block_stock::take();
      std::size_t size = 0;
      std::size_t begin = taken_;
      for (auto const& each : pieces_) {
        std::size_t const part = (std::min)({each.size() - begin, record_size - size, most - size});
        if (part != 0) std::memcpy(gathered_.get() + size, each.data() + begin, part);
        size += part;
        begin = 0;
      }
      return {gathered_.get(), size};
    }

    void consume(std::size_t size) noexcept {
      taken_ += size;
      skip();
    }

   private:
    void skip() noexcept {
      while (!pieces_.empty() && taken_ >= pieces_.front().size()) {
        taken_ -= pieces_.front().size();
        pieces_ = pieces_.subspan(1);
      }
    }

    std::span<std::span<std::byte const> const> pieces_;
    std::size_t taken_ = 0;  // of the first
    block gathered_;
  };

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
    try {
      failure = context_->prepare(fresh.get(), peer_);
    } catch (std::bad_alloc const&) {
      failure = std::make_error_code(std::errc::not_enough_memory);
    }
    if (failure) return false;
    ssl_ = std::move(fresh);
    return true;
  }

  void begin_call() noexcept {
    ::ERR_clear_error();
    drained_ = wants_room_ = false;
    may_receive_ = true;
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
    plain_http_ = !established_ && (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST);
    // Of a verification there is more to say than that it has failed.
    long const verified = ::SSL_get_verify_result(ssl_.get());
    if (reason != SSL_R_CERTIFICATE_VERIFY_FAILED || verified == X509_V_OK) return last_error();
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
    if (in_.empty()) {
      // A short read means that all was read; the end, if there is one, is told by the next.
      if (drained_ || !may_receive_) return false;
      auto const room = in_.room();
      std::size_t const got = receive(room, socket_failure_);
      if (socket_failure_ == asio::error::eof) socket_failure_ = kindwire::error::connection_lost;
      in_.commit(got);
      drained_ = got < room.size();
      if (got == 0) return false;
    }
    size = (std::min)(into.size(), in_.size());
    std::memcpy(into.data(), in_.bytes().data(), size);
    in_.consume(size);
    return true;
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
  bool established_ = false;
  bool finished_ = false;  // we have said that nothing follows
  bool plain_http_ = false;
  bool drained_ = false;     // during a call: the socket has nothing more
  bool may_receive_ = true;  // during a call: what comes has a place
  bool wants_room_ = false;  // after a call
};

}  // namespace kindwire::tls::detail
