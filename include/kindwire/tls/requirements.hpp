// What tls/ needs beside Asio: OpenSSL 3.
#pragma once

#include <openssl/opensslv.h>

#include "../net/requirements.hpp"

#if !defined(OPENSSL_VERSION_MAJOR) || OPENSSL_VERSION_MAJOR < 3
#error "kindwire: tls/ needs OpenSSL 3 or later"
#endif
