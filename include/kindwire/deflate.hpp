// Compressed messages, permessage-deflate (RFC 7692), over zlib.
//
//     kw::net::server server{io, {.port = 8080, .connection = {.compression = kw::deflate::shared()}}};
//
// Link with zlib. What may be chosen: deflate/options.hpp.
#pragma once

#include "deflate/memory.hpp"
#include "deflate/negotiator.hpp"
#include "deflate/options.hpp"
