// RFC 6455 §5–7 as one state machine: bytes in, messages and bytes out. It does no I/O.
//
//     kw::session ws{kw::role::server};
//     ws.commit(read_some(ws.prepare(4096)));                                     // your bytes
//     while (kw::message msg = ws.poll()) ws.send(msg.type(), msg.bytes());
//     ws.consume(write_some(ws.output()));                                        // your stream
//
// The class and what it promises: session/session.hpp.
#pragma once

#include "session/closing.hpp"
#include "session/receiving.hpp"
#include "session/sending.hpp"
#include "session/session.hpp"
