// Compiles where kindwire's headers stand behind all macros of <windows.h>: without NOMINMAX and
// WIN32_LEAN_AND_MEAN.
#define ASIO_NO_NOMINMAX
#define ASIO_NO_WIN32_LEAN_AND_MEAN
#include <winsock2.h>

#include <windows.h>

#if !defined(far) || !defined(interface) || !defined(ERROR) || !defined(GetMessage)
#error the macros are missing
#endif

#include "../consumers/everything.hpp"
