"""The errors a user can meet, each with what was wrong, where, and what to do about it."""

from enum import StrEnum

from mytalk_core.redaction import redacted


class ErrorClass(StrEnum):
    """Who can do something about a failure; decides whether a retry makes sense."""

    TRANSIENT = "transient"  # the same input may work later: network, disk space, a lost worker
    BAD_INPUT = "bad_input"  # only another input will work
    BUG = "bug"  # only a change of this program will help


class Reason(StrEnum):
    """The closed list of why an input, clip or title was filtered or failed."""

    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    NOT_MEDIA = "not_media"
    NO_VIDEO_STREAM = "no_video_stream"
    NO_AUDIO_STREAM = "no_audio_stream"
    NO_FRAMES = "no_frames"
    DECODE_ERROR = "decode_error"
    DECODER_CRASHED = "decoder_crashed"  # native code died over it, twice
    TIMED_OUT = "timed_out"  # it took longer than anything of its length may
    OVER_LIMIT = "over_limit"  # longer, larger or with more streams than is allowed
    NOT_ALLOWED = "not_allowed"  # a list names a file or an address that lists may not name
    FORBIDDEN_FORMAT = "forbidden_format"  # it names other files or addresses, as playlists do
    STORAGE_ERROR = "storage_error"  # a file system or object store did not answer
    INTERLACED = "interlaced"  # its frames hold two instants each, or are marked so
    FORMAT_CHANGES = "format_changes"  # size, pixel format or colours change within the film
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TOO_SHORT = "too_short"
    TOO_TURNED = "too_turned"
    IMPLAUSIBLE_FACE = "implausible_face"  # landmarks do not fit it, as where it is upside down
    STILL_FACE = "still_face"  # it never moves, as in a photograph
    MOUTH_OUTSIDE = "mouth_outside"  # of the picture
    MOUTH_COVERED = "mouth_covered"
    OUT_OF_SYNC = "out_of_sync"
    WEAK_SYNC = "weak_sync"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    NO_SPEECH = "no_speech"
    BLURRED = "blurred"
    JITTERY = "jittery"
    SEVERAL_FACES = "several_faces"
    LOW_QUALITY = "low_quality"
    BAD_SCRIPT = "bad_script"
    BAD_CATALOGUE = "bad_catalogue"
    BAD_CONFIGURATION = "bad_configuration"
    MODEL_MISSING = "model_missing"
    MODEL_CORRUPT = "model_corrupt"
    OUTPUT_NOT_WRITABLE = "output_not_writable"
    DISK_FULL = "disk_full"
    OUTPUT_IN_USE = "output_in_use"  # another run writes there
    NO_CLUSTER = "no_cluster"  # Ray did not answer, or has no machine that can do the work
    WORKER_LOST = "worker_lost"
    CHECK_FAILED = "check_failed"  # a finished film is not what it must be, and was not kept
    INTERNAL = "internal"


class MytalkError(Exception):
    """A failure that a user can understand; its texts hold no secrets of addresses.

    Attributes:
        what: one sentence, what was wrong.
        where: the file, row or field it was wrong in; empty where nothing more can be said.
        remedy: what to do about it; empty where `what` says it already.
        reason: the entry of the closed list that manifests and status rows carry.
    """

    error_class = ErrorClass.BUG

    def __init__(self, what: str, *, reason: Reason, where: str = "", remedy: str = "") -> None:
        self.what = redacted(what)
        self.where = redacted(where)
        self.remedy = redacted(remedy)
        self.reason = reason
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and errors cross processes.
        return (_rebuild, (type(self), self.what, self.reason, self.where, self.remedy))


def _rebuild(
    kind: type[MytalkError], what: str, reason: Reason, where: str, remedy: str
) -> MytalkError:
    return kind(what, reason=reason, where=where, remedy=remedy)


def error_to_json(error: Exception) -> dict[str, str]:
    """An error as JSON has it; one that is not ours is a bug, with its type and text."""
    if not isinstance(error, MytalkError):
        error = MytalkError(f"{type(error).__name__}: {error}", reason=Reason.INTERNAL)
    return {
        "kind": next((each.__name__ for each in _kinds() if isinstance(error, each)), ""),
        "what": error.what,
        "where": error.where,
        "remedy": error.remedy,
        "reason": error.reason.value,
    }


def error_from_json(fields: dict[str, str]) -> "MytalkError":
    """The inverse of `error_to_json`; of kinds defined elsewhere, the one here that it is of."""
    kinds = {kind.__name__: kind for kind in _kinds()}
    return kinds.get(fields["kind"], MytalkError)(
        fields["what"],
        reason=Reason(fields["reason"]),
        where=fields["where"],
        remedy=fields["remedy"],
    )


def _kinds() -> tuple[type[MytalkError], ...]:
    return (BadInputError, ModelError, StorageError, OutputError)


class BadInputError(MytalkError):
    """The file, row or option given cannot be used; another one may."""

    error_class = ErrorClass.BAD_INPUT


class ModelError(MytalkError):
    """A model file is missing or is not the one its checksum names."""

    error_class = ErrorClass.BAD_INPUT


class StorageError(MytalkError):
    """A file system or object store failed in a way that may pass."""

    error_class = ErrorClass.TRANSIENT


class OutputError(MytalkError):
    """A result could not be written; nothing stands under its final name."""

    error_class = ErrorClass.TRANSIENT
