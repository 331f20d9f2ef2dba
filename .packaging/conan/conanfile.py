"""A Conan 2 recipe: conan create .packaging/conan -s compiler.cppstd=20. It takes the repository that it lies in."""

import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy


class Kindwire(ConanFile):
    name = "kindwire"
    version = "0.1.0"
    description = "WebSocket (RFC 6455) servers and clients, typed JSON messages, and the protocol without I/O"
    license = "BSL-1.0"
    topics = ("websocket", "rfc6455", "json", "asio", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"with_asio": [True, False], "with_rapidjson": [True, False], "with_zlib": [True, False], "with_hiredis": [True, False], "with_openssl": [True, False]}
    default_options = {"with_asio": True, "with_rapidjson": False, "with_zlib": False, "with_hiredis": False, "with_openssl": False}
    no_copy_source = True

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        copy(self, "include/*", root, self.export_sources_folder)
        copy(self, "LICENSE", root, self.export_sources_folder)

    def requirements(self):
        if self.options.with_asio:
            # clang needs two definitions more with what is older.
            self.requires("asio/[>=1.26 <2]", transitive_headers=True)
        if self.options.with_rapidjson:
            self.requires("rapidjson/[>=1.1.0]", transitive_headers=True)
        if self.options.with_zlib:
            self.requires("zlib/[>=1.2.11 <2]", transitive_headers=True, transitive_libs=True)
        if self.options.with_hiredis:
            self.requires("hiredis/[>=1.0 <2]", transitive_headers=True, transitive_libs=True)
        if self.options.with_openssl:
            self.requires("openssl/[>=3.0 <4]", transitive_headers=True, transitive_libs=True)

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def _layer(self, name, requires, defines=()):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", f"kindwire::{name}")
        component.bindirs = component.libdirs = []
        component.requires = requires
        component.defines = list(defines)
        return component

    def package_info(self):
        std = self._layer("std", [])
        if self.settings.os in ("Linux", "FreeBSD"):
            std.system_libs = ["pthread"]
        self._layer("json", ["std"])
        if self.options.with_rapidjson:
            self._layer("rapidjson", ["json", "rapidjson::rapidjson"])
        if self.options.with_asio:
            net = self._layer("net", ["std", "asio::asio"], ["ASIO_STANDALONE"])
            if self.settings.os == "Windows":
                net.system_libs = ["ws2_32", "mswsock"]
            self._layer("exchange", ["json", "net"])
            self._layer("hub", ["json", "net"])
            if self.options.with_hiredis:
                self._layer("hub-redis", ["hub", "hiredis::hiredis"])
            if self.options.with_openssl:
                self._layer("tls", ["net", "openssl::openssl"])
        if self.options.with_zlib:
            self._layer("deflate", ["std", "zlib::zlib"])
