// What each library has to do with compressed messages in memory: one end of a connection that has agreed on
// permessage-deflate (RFC 7692), without a socket.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "../in_memory/parties.hpp"

namespace bench {

/// The same for all parties. Windows are 32 KiB.
struct agreement {
  bool context_takeover = false;  // of both directions
  int level = 3;                  // as options have it when nothing else is said
  int memory_level = 8;
  bool text = true;  // what is sent
};

/// The server's end.
class compressing_end {
 public:
  virtual ~compressing_end() = default;

  /// `wire` are frames of a client, which come in reads of 64 KiB.
  virtual void receive(bytes wire, std::size_t messages) = 0;
  delivered got;
  bool only_sends = false;  // there is nothing of its own to measure about receiving

  /// Sends the messages of one size that lie one behind the other in `payloads`.
  virtual void send(bytes payloads, std::size_t size) = 0;
  std::string* written = nullptr;  // where the frames go, if anybody wants to see them
};

using compressing_ends = registry<std::function<std::unique_ptr<compressing_end>(agreement const&)>>;

}  // namespace bench
