// What the compiler must be, and how it spells what the standard has no word for.
//
// The innermost headers include this before anything else, so that one that is too old is told in a sentence.
// The file that is nowhere ends the compilation, or hundreds of errors would hide it.
#pragma once

#if defined(_MSVC_LANG)
#define KINDWIRE_LANGUAGE _MSVC_LANG
#else
#define KINDWIRE_LANGUAGE __cplusplus
#endif

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 12
#error kindwire: g++ 12 is the oldest that will do; install a newer g++, or clang 15, and compile with that
#include <see_the_error_above>
#elif defined(__apple_build_version__) && __clang_major__ < 15
#error kindwire: the clang of Xcode 15 is the oldest that will do; install a newer Xcode and compile with that
#include <see_the_error_above>
#elif defined(__clang__) && !defined(__apple_build_version__) && __clang_major__ < 14
#error kindwire: clang 14 is the oldest that will do, 15 with net/; install a newer clang and compile with that
#include <see_the_error_above>
#elif defined(_MSC_VER) && !defined(__clang__) && _MSC_VER < 1930
#error kindwire: Visual Studio 2022 is the oldest that will do; install a newer one and compile with that
#include <see_the_error_above>
#elif KINDWIRE_LANGUAGE < 202002L
#error kindwire: this is not compiled as C++20; add -std=c++20, or /std:c++20 with Visual Studio
#include <see_the_error_above>
#endif

#undef KINDWIRE_LANGUAGE

// What is called rarely, and would only be in the way where it is called from; the second is also an error's.
// And what is called so often that the call would be felt.
#if defined(_MSC_VER) && !defined(__clang__)
#define KINDWIRE_NOINLINE __declspec(noinline)
#define KINDWIRE_ALWAYS_INLINE __forceinline
#define KINDWIRE_COLD __declspec(noinline)
#else
#define KINDWIRE_NOINLINE [[gnu::noinline]]
#define KINDWIRE_ALWAYS_INLINE [[gnu::always_inline]]
#define KINDWIRE_COLD [[gnu::cold, gnu::noinline]]
#endif

// A function that is there to be refused: the compiler says the sentence where the call stands, and not where
// that leads to.
#if defined(_MSC_VER) && !defined(__clang__)
#define KINDWIRE_REFUSED(sentence) [[deprecated(sentence)]]
#else
#define KINDWIRE_REFUSED(sentence) __attribute__((unavailable(sentence)))
#endif
