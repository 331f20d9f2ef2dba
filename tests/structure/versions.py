"""Checks that every place that names the version says the same: meson.build, version.hpp, CHANGELOG.md, the packages.

usage: versions.py REPOSITORY
"""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report


def places(root):
    """Each place and the version that stands there."""
    header = (root / "include/kindwire/version.hpp").read_text()
    number = int(re.search(r"^#define KINDWIRE_VERSION (\d+)$", header, re.MULTILINE)[1])
    change = re.search(r"^## (\S+)", (root / ".github/CHANGELOG.md").read_text(), re.MULTILINE)
    return {
        "KINDWIRE_VERSION": f"{number // 10000}.{number // 100 % 100}.{number % 100}",
        "kindwire::version": re.search(r'version = "(.*)";', header)[1],
        "the newest entry of CHANGELOG.md": change[1],
        "the vcpkg port": json.loads((root / ".packaging/vcpkg/ports/kindwire/vcpkg.json").read_text())["version"],
        "the Conan recipe": re.search(r'^    version = "(.*)"$', (root / ".packaging/conan/conanfile.py").read_text(), re.MULTILINE)[1],
    }


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    report = Report()
    wanted = re.search(r"^  version: '(.*)'", (root / "meson.build").read_text(), re.MULTILINE)[1]
    for place, found in places(root).items():
        report.check(f"{place} is that of meson.build, {wanted}", [] if found == wanted else [f"it is {found}"])
    report.end()


if __name__ == "__main__":
    main()
