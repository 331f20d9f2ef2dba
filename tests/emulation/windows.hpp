// Included before each test on Windows. The tests call the other end `far`, which <windows.h> makes a macro
// of, and more names of that kind. That kindwire's own headers get by with those macros is what
// windows_macros.cpp compiles.
#pragma once

#define NOMINMAX
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>

#undef far
#undef near
#undef small
#undef hyper
#undef interface
#undef IN
#undef OUT
#undef ERROR
#undef DELETE
