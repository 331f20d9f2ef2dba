// Which kindwire this is, for the preprocessor and for programs.
#pragma once

#include <string_view>

/// Major, minor and patch as one number to compare: 10,000 × major + 100 × minor + patch.
#define KINDWIRE_VERSION 100

namespace kindwire {

/// The version as it is written: major.minor.patch.
inline constexpr std::string_view version = "0.1.0";

}  // namespace kindwire
