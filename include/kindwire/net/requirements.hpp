// Checks that Asio is suitable, and says in one sentence if not: see kindwire/requirements.hpp.
#pragma once

#include "../requirements.hpp"

#if !__has_include(<asio/version.hpp>)
#error kindwire: net/ needs Asio without Boost, and <asio/version.hpp> is not found; install libasio-dev, or add -I with its folder
#include <see_the_error_above>
#endif

// Asio 1.22 uses it without including it.
#include <exception>

#include <asio/detail/config.hpp>
#include <asio/version.hpp>

#if ASIO_VERSION < 102201
#error kindwire: Asio 1.22.1 is the oldest that will do; install a newer one, or add -I with its folder
#include <see_the_error_above>
#elif !defined(__cpp_impl_coroutine) || \
    (defined(__clang__) && !defined(__apple_build_version__) && __clang_major__ < 15)
#error kindwire: net/ needs coroutines, which this compiler does not have; use g++ 12, clang 15 or newer, without -fno-coroutines
#include <see_the_error_above>
#elif !defined(ASIO_HAS_CO_AWAIT) || !defined(ASIO_HAS_STD_COROUTINE)
#error kindwire: this Asio does not know the coroutines of this compiler; add -DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1, or use Asio 1.26 or newer
#include <see_the_error_above>
#endif
