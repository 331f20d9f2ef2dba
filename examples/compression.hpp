// What the examples share: `--compression PRESET`.
#pragma once

#include <kindwire/deflate.hpp>
#include <memory>
#include <stdexcept>
#include <string>

inline std::shared_ptr<kindwire::extension_negotiator const> compression_named(std::string const& preset) {
  if (preset == "off") return {};
  if (preset == "shared") return kindwire::deflate::shared();
  if (preset == "small") return kindwire::deflate::small();
  if (preset == "full") return kindwire::deflate::full();
  throw std::invalid_argument("--compression is off, shared, small or full, not " + preset);
}
