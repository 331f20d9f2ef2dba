#include <kindwire/session.hpp>

#include <doctest/doctest.h>
