from collections import Counter

from tests.films.stories import FILM_ONE, TINY, Story
from tests.films.truth import Said


def _said(story: Story) -> Counter[Said]:
    return Counter(cue.said for scene in story.scenes for shot in scene for cue in shot.cues)


def test_film_one_has_twelve_scenes_and_48_lines() -> None:
    said = _said(FILM_ONE)
    assert len(FILM_ONE.scenes) == 12
    assert said == {
        Said.VISIBLE: 36,
        Said.VOICE_OVER: 8,
        Said.COVERED: 2,
        Said.ELSEWHERE: 2,
    }


def test_the_tiny_film_has_a_voice_over() -> None:
    assert _said(TINY) == {Said.VISIBLE: 3, Said.VOICE_OVER: 1}


def test_visible_lines_are_said_by_somebody_in_the_picture_and_others_are_not() -> None:
    for scene in (*FILM_ONE.scenes, *TINY.scenes):
        for shot in scene:
            for cue in shot.cues:
                speaking = [actor for actor in shot.actors if actor.person == cue.person]
                visible = bool(speaking) and not speaking[0].covered
                assert visible == (cue.said is Said.VISIBLE)
                if visible:
                    assert speaking[0].slot == cue.slot
