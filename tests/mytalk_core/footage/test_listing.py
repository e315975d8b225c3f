"""Inputs become a stream of sources, each once and with a unique title."""

import os
import unicodedata
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.names import printable
from mytalk_core.data.schema import clip_key
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.footage.listing import ListingConfig, Source, list_sources, title_of
from tests.web_site import Site, serving

CONFIG = ListingConfig()


def listed(*inputs: Path | str, config: ListingConfig = CONFIG) -> list[Source]:
    return list(list_sources([str(each) for each in inputs], config))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_name_speakers(tmp_path):
    touch(
        tmp_path / "s1" / "bbaf2n.mpg", tmp_path / "s1" / "lbax4n.mpg", tmp_path / "s 2" / "a.mpg"
    )
    sources = listed(tmp_path)
    assert [source.speaker for source in sources] == ["s 2", "s1", "s1"]
    assert [source.id for source in sources] == [
        f"{tmp_path.name}/{name}" for name in ("s 2/a.mpg", "s1/bbaf2n.mpg", "s1/lbax4n.mpg")
    ]
    assert sources[1].title.startswith("s1_bbaf2n_")
    unknown = listed(tmp_path, config=ListingConfig(speakers="unknown", licence="CC0-1.0"))
    assert {(source.speaker, source.licence) for source in unknown} == {("", "CC0-1.0")}


def test_folders_name_speakers_in_any_script(tmp_path):
    names = ("王伟", unicodedata.normalize("NFD", "Zoë"), "محمد", "👩‍🎤", "s 2")
    touch(*(tmp_path / name / "语.mp4" for name in names))
    sources = listed(tmp_path)
    assert {each.speaker for each in sources} == {"王伟", "Zoë", "محمد", "👩‍🎤", "s 2"}
    assert len({each.title for each in sources}) == len(names)
    assert all(clip_key(each.title, 0, 0, 0).isascii() for each in sources)


def test_names_do_not_depend_on_the_mount_point(tmp_path):
    found = []
    for mount in ("here/grid", "far/away/grid"):
        touch(*(tmp_path / mount / name for name in ("s1/a.mpg", "s1/a.mp4", "third/s1/a.mpg")))
        found.append([(each.id, each.title) for each in listed(tmp_path / mount)])
    assert found[0] == found[1]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "b", "c/d"]),
            st.sampled_from(["s1", "s 1", "s_1"]),
            st.sampled_from(["x", "x_2", "x 2", "x.2", "ü", "語", "x\n2"]),
            st.sampled_from([".mp4", ".avi"]),
        ),
        min_size=1,
        max_size=12,
        unique=True,
    )
)
def test_every_file_is_a_source_with_its_own_title(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("footage")
    files = {folder / above / speaker / (stem + kind) for above, speaker, stem, kind in parts}
    touch(*files)
    sources = listed(folder)
    assert {Path(source.url) for source in sources} == files
    assert len({source.title for source in sources}) == len(files)


def test_folders_with_the_same_name_differ_by_their_parents(tmp_path):
    touch(tmp_path / "a/clips/x.mp4", tmp_path / "b/clips/x.mp4")
    assert [each.id for each in listed(tmp_path / "a/clips", tmp_path / "b/clips")] == [
        "a/clips/x.mp4",
        "b/clips/x.mp4",
    ]


def test_a_file_given_twice_is_one_source(tmp_path):
    touch(tmp_path / "s1" / "a.mp4")
    file = tmp_path / "s1" / "a.mp4"
    assert len(listed(file, tmp_path, file, tmp_path / "s1")) == 1


def test_hidden_files_are_left_out_and_globs_are_sorted(tmp_path):
    touch(*(tmp_path / name for name in ("s/b.mp4", "s/a.mp4", "s/.part.mp4", ".cache/c.mp4")))
    assert [Path(each.url).name for each in listed(tmp_path)] == ["a.mp4", "b.mp4"]
    assert [Path(each.url).name for each in listed(tmp_path / "*" / "*.mp4")] == ["a.mp4", "b.mp4"]


def test_circular_links_are_not_followed(tmp_path):
    touch(tmp_path / "s" / "a.mp4")
    (tmp_path / "s" / "loop.mp4").symlink_to(tmp_path / "s" / "loop.mp4")
    (tmp_path / "s" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert [Path(each.url).name for each in listed(tmp_path)] == ["a.mp4", "loop.mp4", "up"]


def test_a_name_that_is_not_utf8_is_printed_escaped(tmp_path):
    raw = os.fsdecode(b"caf\xe9.mp4")
    (tmp_path / raw).touch()
    (source,) = listed(tmp_path)
    assert os.path.exists(source.url)
    assert printable(source.url).encode("utf-8").endswith(b"caf\\xe9.mp4")


def test_a_missing_input_is_named(tmp_path):
    for path in (tmp_path / "absent", tmp_path, tmp_path / "*.mp4"):
        with pytest.raises(BadInputError) as refused:
            listed(path)
        assert refused.value.reason == Reason.NOT_FOUND
        assert refused.value.where == str(path)


ROWS = [
    {"id": "film 1", "source": "a/x.mp4", "speaker": "ann", "licence": "CC-BY-4.0"},
    {"id": "film 1", "source": "/abs/x.mp4", "speaker": "", "licence": ""},
    {"id": "", "source": "s3://bucket/films/x.mp4", "speaker": "", "licence": ""},
]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_lists_name_ids_speakers_and_licences(tmp_path, kind):
    path = tmp_path / f"list.{kind}"
    if kind == "csv":
        lines = ["id,source,speaker,licence", *(",".join(row.values()) for row in ROWS)]
        path.write_text("\n".join(lines))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    sources = listed(path, config=ListingConfig(licence="unknown"))
    assert [(each.id, each.url, each.speaker, each.licence) for each in sources] == [
        ("film 1", f"{tmp_path}/a/x.mp4", "ann", "CC-BY-4.0"),
        ("film 1", "/abs/x.mp4", "", "unknown"),
        ("films/x.mp4", "s3://bucket/films/x.mp4", "", "unknown"),
    ]
    assert len({each.title for each in sources}) == 3


def test_an_unusable_list_is_refused(tmp_path):
    for name, text in (
        ("a.csv", "video,speaker\nx.mp4,ann\n"),
        ("b.csv", "id,source\n1,\n"),
        ("c.parquet", "I am no table"),
        ("d.csv", "\0" * 50),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(BadInputError) as refused:
            listed(tmp_path / name)
        assert refused.value.reason in (Reason.BAD_CATALOGUE, Reason.NOT_FOUND)
    with pytest.raises(BadInputError):
        listed(tmp_path / "absent.csv")


def test_a_list_is_read_row_by_row(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("source\n" + "".join(f"{number}.mp4\n" for number in range(50_000)))
    stream = list_sources([str(path)], CONFIG)
    assert next(stream).url.endswith("/0.mp4")  # before the other rows are read


def test_object_stores_are_listed_like_folders(s3_url):
    files = fsspec.filesystem("s3")
    for name in ("s2/b.mp4", "s1/a b.mp4", "s1/.hidden.mp4"):
        files.pipe_file(f"{s3_url}/listing/films/{name}", b"x")
    sources = listed(f"{s3_url}/listing/films")
    assert [each.id for each in sources] == ["films/s1/a b.mp4", "films/s2/b.mp4"]
    assert [each.url for each in sources] == [
        f"{s3_url}/listing/films/s1/a b.mp4",
        f"{s3_url}/listing/films/s2/b.mp4",
    ]
    assert [each.speaker for each in sources] == ["s1", "s2"]
    assert len(listed(f"{s3_url}/listing/films/*/*.mp4")) >= 2
    with pytest.raises(BadInputError):
        listed(f"{s3_url}/listing/none")
    with pytest.raises(BadInputError):
        listed("nosuch://bucket/x")


def test_a_signed_address_has_one_name_without_secrets():
    site = Site(headers={"Content-Type": "video/mp4"})
    with serving(site):
        (source,) = listed(f"{site.url}?X-Amz-Signature=S3cr3t&X-Amz-Date=1")
        (again,) = listed(f"{site.url}?X-Amz-Signature=0ther&X-Amz-Date=2".replace("//", "//u:p@"))
    assert source.url.endswith("X-Amz-Date=1")
    assert (source.id, source.address) == ("film.mp4", site.url)
    assert (source.id, source.title, source.speaker) == (again.id, again.title, again.speaker)


def test_an_unusable_row_is_a_source_with_its_problem(tmp_path):
    path = tmp_path / "list.csv"
    lines = [
        "source,speaker,id",
        "a.mp4,Zoe\u0308,x",
        ",ann,",
        "../b.mp4,ann,",
        "http://u:S3cr3t@10.0.0.1/c.mp4,ann,",
        "https://example.org/d.mp4?sig=S3cr3t,ann,",
    ]
    path.write_text("\n".join(lines))
    first, *bad, last = listed(path)
    assert (first.id, first.speaker, first.problem) == ("x", "Zoë", None)
    assert [each.problem["reason"] for each in bad] == ["bad_catalogue", *["not_allowed"] * 2]
    assert "list.csv line 3" in bad[0].problem["where"]
    assert len({each.title for each in (first, *bad, last)}) == 5
    assert (last.id, last.public_only) == ("example.org/d.mp4", True)
    assert not any("S3cr3t" in repr((each.id, each.address, each.problem)) for each in bad)


@given(st.text(min_size=1, max_size=200))
def test_titles_are_short_and_safe_in_keys(source_id):
    title = title_of(source_id)
    assert len(title) <= 50
    assert title.replace("_", "").isalnum()
    assert title.isascii()
