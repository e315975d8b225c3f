"""Download the sdist of a package without running its code; runs as a program.

`pip download` builds an sdist's metadata to find its dependencies, which runs code of the package.
pip's own finder and session know the indexes, local folders, proxies, certificates and passwords of
this machine, but have no public interface. They are used in a process of its own, so that a
different pip version fails like a download.
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
    """Download the sdist of this version into `folder`, which is created.

    Raises:
        SystemExit: no index has it; the text starts with ERROR: like pip's own.
    """
    command = create_command("download")
    assert isinstance(command, RequirementCommand)  # pip's types do not say so
    options, _ = command.parse_args([*flags, "--no-binary=:all:"])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session, ignore_requires_python=True)
        found = finder.find_best_candidate(package, SpecifierSet(f"=={version}")).best_candidate
        if found is None:
            raise SystemExit(f"ERROR: no index has an sdist of {package}=={version}")
        with session.get(
            found.link.url_without_fragment,
            headers={"Accept-Encoding": "identity"},  # keeps the archive compressed
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
