"""A program that downloads the sdist of a package and runs none of its code.

`pip download` would: it builds an sdist's metadata to learn its dependencies. Which indexes, local
folders, proxies, certificates and passwords there are is pip's knowledge, so pip's own finder and
session are used; it has no public interface for them. It runs in a process of its own, so that a
pip that differs fails as a download does.
"""

import os
import sys
import tempfile
from pathlib import Path

from pip._internal.cli.req_command import RequirementCommand
from pip._internal.commands import create_command
from pip._vendor.packaging.specifiers import SpecifierSet

_BLOCK = 1 << 20


def download_sdist(package: str, version: str, folder: Path, flags: list[str]) -> None:
    """Put the sdist of this very version into `folder`, which is created.

    Raises:
        SystemExit: where no index has it; the text starts with ERROR: as pip's own do.
    """
    command = create_command("download")
    assert isinstance(command, RequirementCommand)  # `pip download` is one, which types cannot say
    options, _ = command.parse_args([*flags, "--no-binary=:all:"])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session, ignore_requires_python=True)
        found = finder.find_best_candidate(package, SpecifierSet(f"=={version}")).best_candidate
        if found is None:
            raise SystemExit(f"ERROR: no index has an sdist of {package}=={version}")
        with session.get(
            found.link.url_without_fragment,
            headers={"Accept-Encoding": "identity"},  # the archive's own compression stays
            stream=True,
        ) as answer:
            answer.raise_for_status()
            with tempfile.NamedTemporaryFile(delete=False) as file:
                for block in answer.iter_content(_BLOCK):
                    file.write(block)
        folder.mkdir(exist_ok=True)
        os.replace(file.name, folder / Path(found.link.filename).name)


if __name__ == "__main__":
    download_sdist(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
