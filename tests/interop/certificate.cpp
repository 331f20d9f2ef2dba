// Writes a certificate for localhost and 127.0.0.1, and its key, into a folder: certificate.pem and key.pem.
//
// usage: certificate FOLDER
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include "../../examples/self_signed.hpp"

namespace {

void write(std::string const& file, std::string const& text) {
  std::ofstream out(file);
  if (!(out << text).flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace

int main(int count, char** values) try {
  if (count != 2) throw std::runtime_error("the folder is missing");
  self_signed const made = make_self_signed();
  std::string const folder = values[1];
  write(folder + "/certificate.pem", made.certificate);
  write(folder + "/key.pem", made.key);
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "certificate: %s\n", failure.what());
  return 1;
}
