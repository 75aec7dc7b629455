"""A backup holds one instant of everything; a restore gives it back, whole or not at all."""

import io
import os
import signal
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select, text

from app.archives import archive, backup
from app.archives.archive import Member, NewerFormat
from app.archives.backup import FORMAT, KIND
from app.auth import fingerprint, new_secret
from app.db import tables
from app.db.copies import dump
from app.db.copies.load import Loader, NotEmpty, Unloadable
from app.db.database import Database
from app.db.tables import Base
from app.pinned_blobs import PinnedBlobStore
from app.wiring import Services
from ingestion.errors import BlobMissing
from ingestion.intake import IncomingFile
from ingestion.types import BlobKey, DocumentId
from tests.app.library import WORKER, add, everything, found, read_all, services

PAIRS = [
    ("sqlite", "sqlite"),
    pytest.param("sqlite", "postgresql", marks=pytest.mark.postgres),
    pytest.param("postgresql", "sqlite", marks=pytest.mark.postgres),
]
METALS = ("gallium", "tin", "lead", "zinc", "iron")


def test_every_table_is_decided_upon() -> None:
    assert dump.KEPT.keys() | dump.LEFT_OUT.keys() == Base.metadata.tables.keys()
    assert dump.KEPT.keys() & dump.LEFT_OUT.keys() == set()


@pytest.fixture(scope="module")
def five_metals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A backup, and what people see of what is in it."""
    folder = tmp_path_factory.mktemp("five")
    with services(folder / "here") as here:
        for metal in METALS:
            add(here, f"{metal}.md", f"{metal} melts.")
        backup.back_up(here, folder / "backup.tar")
        return folder / "backup.tar", _picture(here)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_restored_service_is_the_one_that_was_backed_up(
    request: pytest.FixtureRequest, tmp_path: Path, source: str, target: str
) -> None:
    file = tmp_path / "backup.tar"
    secret = new_secret("api")
    with services(tmp_path / "here", _url(request, source, tmp_path / "here.db")) as here:
        for metal in METALS:
            add(here, f"{metal}.md", f"# {metal}\n\nThe metal {metal} melts when it is hot.", metadata={"of": metal})
        _replace(here, "tin")
        key = here.keys.create("laptop", "reader", frozenset(everything(here).collections), fingerprint(secret))
        here.keys.open_session(key.id, fingerprint(new_secret("session")), datetime.now(UTC) + timedelta(hours=1))
        _leave_one_in_hand(here)
        before = _picture(here)

        summary = backup.back_up(here, file)

        assert (summary.lost, summary.originals) == ([], 7)
    with services(tmp_path / "there", _url(request, target, tmp_path / "there.db")) as there:
        backup.restore(there, file)

        assert _picture(there) == before
        assert there.audit.verify()
        found_key = there.keys.find(fingerprint(secret))
        assert found_key is not None
        assert found_key.collections == everything(there).collections
        assert _count(there, tables.Key) == 1
        read_all(there)
        assert [hit for hit in found(there, "mercury") if hit not in before["hits"]] != []


def test_no_id_is_given_twice_over_a_restore(tmp_path: Path) -> None:
    with services(tmp_path / "here") as here:
        add(here, "tin.md", "Tin melts.")
        gone = add(here, "lead.md", "Lead melts as well.")
        last = max(chunk for _, chunk in found(here, "melts"))
        here.pipeline.forget(gone)
        backup.back_up(here, tmp_path / "backup.tar")
    with services(tmp_path / "there", migrated=False) as there:
        backup.restore(there, tmp_path / "backup.tar")
        document = add(there, "zinc.md", "Zinc melts too.")

        assert [chunk > last for doc, chunk in found(there, "zinc") if doc == document] == [True]


def test_an_original_that_is_deleted_meanwhile_is_in_the_backup_and_gone_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with services(tmp_path / "here") as here:
        documents = [add(here, f"{metal}.md", f"{metal} melts.") for metal in METALS]
        keys = [here.documents.get(each, everything(here)).blob_key for each in documents]
        opened = type(here.blobs).open
        still_there: list[bool] = []

        def forget_all(blobs: Any, key: Any) -> Any:
            for document in documents:
                here.pipeline.forget(document)
            documents.clear()
            still_there.append(len(list(here.blobs.stored())) == len(METALS))
            return opened(blobs, key)

        monkeypatch.setattr(type(here.blobs), "open", forget_all)
        summary = backup.back_up(here, tmp_path / "backup.tar")
        monkeypatch.undo()

        assert (summary.originals, summary.lost, all(still_there)) == (len(METALS), [], True)
        for key in keys:
            with pytest.raises(BlobMissing):
                here.blobs.open(key)
    with services(tmp_path / "there", migrated=False) as there:
        backup.restore(there, tmp_path / "backup.tar")

        assert {doc for doc, _ in found(there, "melts")} == {
            record.id for record in there.documents.page(everything(there), None, None, 50, None).rows
        }
        assert len(found(there, "melts", 10)) == len(METALS)


def test_a_backup_that_dies_leaves_no_file_and_holds_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with services(tmp_path / "here") as here:
        document = add(here, "tin.md", "Tin melts.")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(archive, "_padding", full)
        with pytest.raises(OSError, match="No space"):
            backup.back_up(here, tmp_path / "backup.tar")
        monkeypatch.undo()

        assert list(tmp_path.glob("backup*")) == []
        here.pipeline.forget(document)
        assert list(here.blobs.stored()) == []


def test_a_lost_original_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    with services(tmp_path / "here") as here:
        for metal in METALS[:3]:
            add(here, f"{metal}.md", f"{metal} melts.")
        lost, damaged, _ = sorted(key for key, _ in here.blobs.stored())
        here.blobs.delete(lost)
        (tmp_path / "here" / "blobs" / damaged).write_text("Rust.")

        summary = backup.back_up(here, tmp_path / "backup.tar")

        assert sorted(summary.lost) == [lost, damaged]
        assert backup.check(tmp_path / "backup.tar").originals == 2


def test_a_database_that_is_not_empty_is_left_alone(five_metals: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with services(tmp_path / "there") as there:
        add(there, "mercury.md", "Mercury is liquid.")
        before = _picture(there)

        with pytest.raises(NotEmpty, match="documents"):
            backup.restore(there, five_metals[0])

        assert _picture(there) == before
        assert len(list(there.blobs.stored())) == 1


def test_a_damaged_backup_writes_nothing(five_metals: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    content = bytearray(five_metals[0].read_bytes())
    content[content.index(b"tin melts")] ^= 1
    (tmp_path / "damaged.tar").write_bytes(content)
    with services(tmp_path / "there") as there:
        with pytest.raises(archive.Damaged, match=r"blobs/1/\w+: its SHA-256"):
            backup.restore(there, tmp_path / "damaged.tar")

        assert list(there.blobs.stored()) == []
        assert _count(there, tables.Collection) == 0


MOMENTS = {
    "between two originals": (PinnedBlobStore, "put", 2),
    "within the rows": (Loader, "insert", 4),
    "before the commit": (Loader, "count_on", 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_restore_that_is_killed_can_be_done_again(
    five_metals: tuple[Path, dict[str, Any]], tmp_path: Path, moment: str
) -> None:
    file, before = five_metals
    child = os.fork()
    if not child:
        _kill_at(*MOMENTS[moment])
        with services(tmp_path / "there", migrated=False) as there:
            backup.restore(there, file)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with services(tmp_path / "there", migrated=False) as there:
        assert _count(there, tables.Document) == 0

        backup.restore(there, file)

        assert _picture(there) == before
        assert len(list(there.blobs.stored())) == len(METALS)


def test_a_backup_of_an_older_schema_is_brought_to_this_one(tmp_path: Path) -> None:
    old = Database(f"sqlite:///{tmp_path / 'old.db'}")
    old.migrate("0001_foundation")
    with old.read() as session:
        columns = {row[1] for row in session.execute(text("PRAGMA table_info(collections)"))}
    old.dispose()
    row = dict.fromkeys(columns) | {"id": 7, "name": "old", "generation": 1, "fingerprint": "hashing:8", "seq": 3}
    row["created_at"] = "2026-01-02T03:04:05Z"
    file = _archive(tmp_path, [row], revision="0001_foundation")
    with services(tmp_path / "there") as there:
        backup.restore(there, file)

        assert there.collections.ids() == {"old": 7}


def test_rows_that_do_not_fit_and_a_schema_from_the_future_are_refused(tmp_path: Path) -> None:
    with services(tmp_path / "there") as there:
        with pytest.raises(Unloadable, match="a row of collections has other columns"):
            backup.restore(there, _archive(tmp_path, [{"id": 7, "surprise": 1}], revision="0001_foundation"))
        with pytest.raises(NewerFormat, match="0999_future"):
            backup.restore(there, _archive(tmp_path, [], revision="0999_future"))

        assert _count(there, tables.Collection) == 0


def _kill_at(owner: type, method: str, call: int) -> None:
    """From now on the process dies at that call of the method."""
    real = getattr(owner, method)
    calls = count(1)

    def deadly(*arguments: Any) -> Any:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    setattr(owner, method, deadly)


def _archive(folder: Path, collections: list[dict[str, Any]], revision: str) -> Path:
    path = folder / "made.tar"
    opening: dict[str, object] = {"created_at": datetime.now(UTC), "revision": revision, "late": {}, "counters": {}}
    rows = [orjson.dumps(row) for row in collections]
    members: list[Member] = list(archive.lines("rows/collections", rows))
    with path.open("wb") as file:
        archive.write(file, KIND, FORMAT, opening, members)
    return path


def _url(request: pytest.FixtureRequest, kind: str, path: Path) -> str:
    return f"sqlite:///{path}" if kind == "sqlite" else str(request.getfixturevalue("postgresql_url"))


def _replace(given: Services, name: str) -> None:
    page = given.documents.page(everything(given), None, name, 1, None)
    content = io.BytesIO(b"# tin\n\nThe metal tin melts at 231.9 degrees.")
    home = given.collections.by_name("default")
    assert home is not None
    given.intake.accept(IncomingFile(f"{name}.md", content, {}, document=page.rows[0].id), home.id)
    read_all(given)


def _leave_one_in_hand(given: Services) -> None:
    """An upload whose job a worker has just taken."""
    home = given.collections.by_name("default")
    assert home is not None
    given.intake.accept(IncomingFile("mercury.md", io.BytesIO(b"Mercury is liquid."), {}), home.id)
    [job] = given.jobs.claim(WORKER, 1, 1 << 30)
    assert job.attempt == 1


def _picture(given: Services) -> dict[str, Any]:
    """What people see; of jobs, how many there are."""
    records = given.documents.page(everything(given), None, None, 100, None).rows
    return {
        "documents": [(each.id, each.name, each.sha256, each.version, dict(each.metadata)) for each in records],
        "versions": [_versions(given, each.id) for each in records],
        "hits": [hit for metal in METALS for hit in found(given, f"{metal} melts")],
        "originals": [_original(given, each.blob_key) for each in records],
    }


def _versions(given: Services, document: DocumentId) -> list[str]:
    return [each.sha256 for each in given.documents.versions(document, everything(given), 100, None).rows]


def _original(given: Services, key: BlobKey) -> bytes:
    with given.blobs.open(key) as content:
        return content.read()


def _count(given: Services, model: type[Base]) -> int:
    with given.db.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0
