import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import IndexDamaged
from retrieval.snapshots import MANIFEST, Snapshots, Stamp
from retrieval.types import CollectionId

STAMP = Stamp(CollectionId(3), 1, "hashing", 7)
FILES = {"vector/ids.npy": b"12345678", "lexical/meta.json": b"{}", "lexical/terms": b"cat dog"}


def draft(folder: Path) -> Path:
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    made = Snapshots(tmp_path / "snapshots")
    made.publish(draft(tmp_path / "draft"), STAMP)
    return made


def test_a_published_snapshot_verifies_and_lies_where_it_belongs(snapshots: Snapshots, tmp_path: Path) -> None:
    folder = snapshots.verified(STAMP)

    assert folder == tmp_path / "snapshots" / "3-1" / "7"
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert snapshots.seqs(STAMP.collection, STAMP.generation) == [7]
    assert not (tmp_path / "draft").exists()


@pytest.mark.parametrize(
    "other",
    [
        replace(STAMP, fingerprint="another model"),
        replace(STAMP, format=0),
        replace(STAMP, collection=CollectionId(4)),
        replace(STAMP, generation=2),
        replace(STAMP, seq=8),
    ],
)
def test_a_snapshot_of_something_else_is_refused(snapshots: Snapshots, tmp_path: Path, other: Stamp) -> None:
    home = tmp_path / "snapshots" / f"{other.collection}-{other.generation}"
    if not (home / str(other.seq)).exists():
        shutil.copytree(snapshots.verified(STAMP), home / str(other.seq))

    with pytest.raises(IndexDamaged, match="another index"):
        snapshots.verified(other)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*FILES, MANIFEST]), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_noticed(snapshots: Snapshots, name: str, place: float, bit: int) -> None:
    file = snapshots.verified(STAMP) / name
    content = file.read_bytes()
    flipped = bytearray(content)
    flipped[int(place * len(content))] ^= 1 << bit
    file.write_bytes(flipped)

    with pytest.raises(IndexDamaged):
        snapshots.verified(STAMP)
    file.write_bytes(content)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("damage", ["gone", "empty", "short"])
def test_a_file_that_is_missing_or_cut_short_is_noticed(snapshots: Snapshots, name: str, damage: str) -> None:
    file = snapshots.verified(STAMP) / name
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[: len(content) // 2] if damage == "short" else b"")

    with pytest.raises(IndexDamaged):
        snapshots.verified(STAMP)


def test_a_file_that_the_manifest_does_not_know_is_noticed(snapshots: Snapshots) -> None:
    (snapshots.verified(STAMP) / "lexical" / "more").write_bytes(b"")

    with pytest.raises(IndexDamaged, match="files"):
        snapshots.verified(STAMP)


@pytest.mark.parametrize("content", [b"", b"[]", b'"text"', b"{}", b"\xff", b'{"files": {}}'])
def test_a_manifest_that_is_none_is_noticed(snapshots: Snapshots, content: bytes) -> None:
    (snapshots.verified(STAMP) / MANIFEST).write_bytes(content)

    with pytest.raises(IndexDamaged):
        snapshots.verified(STAMP)


def test_files_that_changed_places_are_noticed(snapshots: Snapshots) -> None:
    folder = snapshots.verified(STAMP)
    (folder / "vector/ids.npy").rename(folder / "kept")
    (folder / "lexical/terms").rename(folder / "vector/ids.npy")
    (folder / "kept").rename(folder / "lexical/terms")

    with pytest.raises(IndexDamaged):
        snapshots.verified(STAMP)


def test_only_the_newest_two_are_kept(snapshots: Snapshots, tmp_path: Path) -> None:
    for seq in (12, 9, 110):
        snapshots.publish(draft(tmp_path / "draft"), replace(STAMP, seq=seq))

    assert snapshots.seqs(STAMP.collection, STAMP.generation) == [110, 12]
    one = sum(path.stat().st_size for path in snapshots.verified(replace(STAMP, seq=12)).rglob("*") if path.is_file())
    assert one < snapshots.size(STAMP.collection) < 3 * one
    assert snapshots.size(CollectionId(4)) == 0


def test_older_generations_go_and_other_collections_stay(snapshots: Snapshots, tmp_path: Path) -> None:
    other = replace(STAMP, collection=CollectionId(33))
    newer = replace(STAMP, generation=2)
    for stamp in (other, newer):
        snapshots.publish(draft(tmp_path / "draft"), stamp)

    snapshots.discard_older(STAMP.collection, 2)
    assert snapshots.seqs(STAMP.collection, 1) == []
    assert snapshots.seqs(STAMP.collection, 2) == [7]

    snapshots.discard_all(STAMP.collection)
    assert snapshots.seqs(STAMP.collection, 2) == []
    assert snapshots.seqs(other.collection, 1) == [7]


def test_what_is_there_stays_when_the_same_comes_again(snapshots: Snapshots, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not empty"):
        snapshots.publish(draft(tmp_path / "draft"), STAMP)

    assert snapshots.verified(STAMP)
