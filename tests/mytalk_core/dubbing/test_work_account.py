"""What a run made and what it found stored."""

from mytalk_core.dubbing.work_account import StageWork, WorkAccount


def test_every_artifact_counts_once() -> None:
    account = WorkAccount()
    account.found("look", "a")
    account.made("draw", "b", 2.5)
    account.found("draw", "b")  # asked for again
    account.found("draw", "c")
    account.found("look", "a")
    assert account.stages() == (
        StageWork("look", 0, made=0, reused=1),
        StageWork("draw", 2.5, made=1, reused=1),
    )
    assert account.seconds("draw", "b") == 2.5
    assert account.seconds("draw", "c") is None
    assert account.seconds("mix", "d") is None
