"""`mytalk samples`: footage to try the program with."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import progress, result
from mytalk_core.data.samples import SampleClip, sample_footage, samples_download_size
from mytalk_core.errors import BadInputError, Reason


def samples(
    name: Annotated[
        str, typer.Argument(show_default=False, help="Print only the path of this clip.")
    ] = "",
    title: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            help="Build a small title from the clips in this folder; print its specification.",
        ),
    ] = None,
) -> None:
    """Fetch two short clips of one man speaking; print their paths, licences and sources.

    The clips are not part of this program and are used under their own licence. The title built
    from them has 16 s, two people, both played by the one man, a narrator, and a script.

    \b
    mytalk samples
    mytalk samples jwp_intro
    mytalk samples --title demo && mytalk dub demo/title.yaml
    mytalk --json samples
    """
    total = samples_download_size()
    if total:
        with progress("fetching footage", total) as advance:
            clips = sample_footage(advance)
    else:
        clips = sample_footage()
    if title is not None:
        # Loads OpenCV and FFmpeg, which takes a second.
        from mytalk_core.data.sample_title import write_sample_title

        specification = write_sample_title(title, clips)
        result({"title": str(specification)}, str(specification))
    elif name:
        chosen = _named(name, clips)
        result(_described(chosen), str(chosen.path))
    else:
        lines = [f"{clip.name}: {clip.path} ({clip.licence}, {clip.source})" for clip in clips]
        result({"samples": [_described(clip) for clip in clips]}, "\n".join(lines))


def _named(name: str, clips: list[SampleClip]) -> SampleClip:
    for clip in clips:
        if clip.name == name:
            return clip
    raise BadInputError(
        f"there is no sample called {name!r}.",
        remedy=f"Known samples: {', '.join(clip.name for clip in clips)}.",
        reason=Reason.NOT_FOUND,
    )


def _described(clip: SampleClip) -> dict[str, object]:
    return {**asdict(clip), "path": str(clip.path)}
