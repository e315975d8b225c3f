"""Errors for users: what was wrong, where, and what to do about it."""

from enum import StrEnum

from mytalk_core.redaction import redacted


class ErrorClass(StrEnum):
    """Class of a failure; decides whether a retry makes sense."""

    TRANSIENT = "transient"  # the same input may work later: network, disk space, a lost worker
    BAD_INPUT = "bad_input"  # the input must be changed
    BUG = "bug"  # the program must be changed


class Reason(StrEnum):
    """Why an input, clip or title was filtered or failed; a closed list."""

    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    NOT_MEDIA = "not_media"
    NO_VIDEO_STREAM = "no_video_stream"
    NO_AUDIO_STREAM = "no_audio_stream"
    NO_FRAMES = "no_frames"
    DECODE_ERROR = "decode_error"
    DECODER_CRASHED = "decoder_crashed"  # the process died in native code, twice
    TIMED_OUT = "timed_out"  # exceeded the time limit for its length
    OVER_LIMIT = "over_limit"  # longer, larger or with more streams than allowed
    NOT_ALLOWED = "not_allowed"  # a list names a file or address outside of what it may name
    FORBIDDEN_FORMAT = "forbidden_format"  # refers to other files or addresses, like playlists
    STORAGE_ERROR = "storage_error"  # a file system or object store failed
    INTERLACED = "interlaced"  # frames consist of two fields, or are marked so
    FORMAT_CHANGES = "format_changes"  # size, pixel format or colours change within the film
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TOO_SHORT = "too_short"
    TOO_TURNED = "too_turned"
    IMPLAUSIBLE_FACE = "implausible_face"  # landmarks do not fit the face, e.g. upside down
    STILL_FACE = "still_face"  # does not move, e.g. in a photograph
    MOUTH_OUTSIDE = "mouth_outside"  # of the frame
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
    BAD_TITLE = "bad_title"  # a title specification
    BAD_CONFIGURATION = "bad_configuration"
    MODEL_MISSING = "model_missing"
    MODEL_CORRUPT = "model_corrupt"
    OUTPUT_NOT_WRITABLE = "output_not_writable"
    DISK_FULL = "disk_full"
    OUTPUT_IN_USE = "output_in_use"  # another run writes there
    NO_CLUSTER = "no_cluster"  # Ray did not answer, or no node has the required resources
    WORKER_LOST = "worker_lost"
    CHECK_FAILED = "check_failed"  # a finished film failed its checks and was not kept
    INTERNAL = "internal"


class MytalkError(Exception):
    """A failure with a message for the user; secrets in addresses are removed from its texts.

    Attributes:
        what: one sentence, what was wrong.
        where: the file, row or field; may be empty.
        remedy: what to do about it; may be empty.
        reason: the reason code in manifests and status rows.
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
        # Errors are sent between processes; default pickling loses keyword-only arguments.
        return (_rebuild, (type(self), self.what, self.reason, self.where, self.remedy))


def _rebuild(
    kind: type[MytalkError], what: str, reason: Reason, where: str, remedy: str
) -> MytalkError:
    return kind(what, reason=reason, where=where, remedy=remedy)


def error_to_json(error: Exception) -> dict[str, str]:
    """Return an error as JSON fields; one that is not a MytalkError as INTERNAL."""
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
    """Invert `error_to_json`; a subclass defined elsewhere becomes its base class here."""
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
    """A given file, row or option cannot be used."""

    error_class = ErrorClass.BAD_INPUT


class ModelError(MytalkError):
    """A model file is missing or does not match its checksum."""

    error_class = ErrorClass.BAD_INPUT


class StorageError(MytalkError):
    """A file system or object store failed for a transient reason."""

    error_class = ErrorClass.TRANSIENT


class OutputError(MytalkError):
    """A result could not be written; its final name does not exist or is unchanged."""

    error_class = ErrorClass.TRANSIENT
