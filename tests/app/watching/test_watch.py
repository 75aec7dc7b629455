"""A watched collection has what the folder has, however it came about; what is in doubt is left as it is."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client import Client, Refused, client_of
from app.watching import folder as folders
from app.watching.folder import Folder, FolderGone
from app.watching.watch import Known, Watcher, follow, mark_of, plan
from tests.app.running import Running, eventually, running

CONTENTS = st.sampled_from("pqrs")
TREES = st.dictionaries(st.sampled_from(["a.md", "b.md", "c.md", "deep/d.md"]), CONTENTS)


@given(TREES, TREES, st.sets(CONTENTS))
def test_after_a_plan_every_content_is_there_once_and_no_document_lies(
    before: dict[str, str], files: dict[str, str], elsewhere: set[str]
) -> None:
    known = {f"doc {source}": Known(f"doc {source}", source, sha) for source, sha in before.items()}

    for step in plan(files, list(known.values()), elsewhere):
        match step.action, step.document:
            case "add", None:
                known[f"new {step.source}"] = Known(f"new {step.source}", step.source, files[step.source])
            case "delete", Known() as document:
                del known[document.id]
            case "move", Known() as document:
                assert document.sha256 == files[step.source]
                known[document.id] = replace(document, source=step.source)
            case _, document:
                assert document is not None
                known[document.id] = replace(document, sha256=files[step.source])

    assert all(files[document.source] == document.sha256 for document in known.values())
    assert {document.sha256 for document in known.values()} | elsewhere >= set(files.values())
    assert plan(files, list(known.values()), elsewhere) == []


@given(st.permutations(["a.md", "b.md", "c.md"]))
def test_files_that_change_places_are_moves(order: list[str]) -> None:
    known = [Known(source, source, source) for source in sorted(order)]
    files = dict(zip(order, sorted(order), strict=True))

    assert {step.action for step in plan(files, known, set())} <= {"move"}


@dataclass(slots=True)
class Desk:
    """A folder, a service, and a watcher between them."""

    root: Path
    service: Running
    client: Client
    watcher: Watcher
    told: list[str] = field(default_factory=list[str])

    def write(self, source: str, text: str) -> None:
        path = self.root / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def compare(self) -> list[str]:
        """What was told, with all that was uploaded ready afterwards."""
        self.told.clear()
        self.watcher.compare(anew=True)
        self.service.read_all()
        return sorted(self.told)

    def sources(self) -> dict[str, str]:
        """Name by source, of what the service has from the folder."""
        found = self.client.listed("/v1/documents", collection="default")
        return {each["metadata"]["source"]: each["name"] for each in found if "source" in each["metadata"]}


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(folders, "SETTLE_SECONDS", -1.0)
    (tmp_path / "data").mkdir()
    (tmp_path / "books").mkdir()
    with running(tmp_path / "data", sqlite_template) as service, _client(service) as client:
        told: list[str] = []
        watcher = Watcher(client, Folder(tmp_path / "books"), "default", "books-1", told.append)
        yield Desk(tmp_path / "books", service, client, watcher, told)


@contextmanager
def _client(service: Running) -> Generator[Client]:
    with client_of(service.url, service.admin_secret) as client:
        client.ensure_collection("default")
        yield client


def test_new_changed_moved_and_deleted_files_are_followed_and_moves_embed_nothing(desk: Desk) -> None:
    desk.write("tin.md", "Tin melts at 231.9 degrees.")
    desk.write("deep/lead.md", "Lead melts at 327.5 degrees.")
    desk.write("zinc.md", "Zinc melts at 419.5 degrees.")
    assert desk.compare() == ["added deep/lead.md", "added tin.md", "added zinc.md"]
    assert desk.compare() == []
    jobs = sum(desk.service.services.jobs.depth().values())

    (desk.root / "deep/lead.md").rename(desk.root / "heavy.md")
    assert desk.compare() == ["moved deep/lead.md to heavy.md"]
    assert sum(desk.service.services.jobs.depth().values()) == jobs
    desk.write("tin.md", "Tin melts at 231.93 degrees.")
    (desk.root / "zinc.md").unlink()
    assert desk.compare() == ["deleted zinc.md", "replaced tin.md"]

    assert desk.sources() == {"heavy.md": "heavy.md", "tin.md": "tin.md"}
    hits = desk.client.post("/v1/search", {"query": "tin melts", "k": 1})["hits"]
    assert hits[0]["chunk"]["text"] == "Tin melts at 231.93 degrees."
    assert desk.compare() == []


def test_what_others_brought_is_neither_doubled_nor_deleted(desk: Desk) -> None:
    desk.service.upload("mine.md", "Uploaded by hand.")
    desk.service.upload("theirs.md", "Another folder's.", metadata='{"watch": "books-2", "source": "theirs.md"}')
    desk.write("copy.md", "Uploaded by hand.")
    desk.write("one.md", "The same twice.")
    desk.write("two.md", "The same twice.")

    assert desk.compare() == ["added one.md"]
    (desk.root / "copy.md").unlink()
    (desk.root / "one.md").unlink()
    assert desk.compare() == ["moved one.md to two.md"]

    assert {each["name"] for each in desk.client.listed("/v1/documents")} == {"mine.md", "theirs.md", "two.md"}


def test_a_folder_that_is_gone_or_empty_deletes_nothing(desk: Desk) -> None:
    desk.write("tin.md", "Tin melts.")
    desk.compare()

    (desk.root / "tin.md").unlink()
    with pytest.raises(FolderGone, match="is empty, and 1 documents came from it"):
        desk.watcher.compare(anew=True)
    desk.root.rmdir()
    with pytest.raises(FolderGone, match="is not there"):
        desk.watcher.compare(anew=True)

    assert desk.sources() == {"tin.md": "tin.md"}


def test_what_cannot_be_ingested_is_told_once_with_the_reason(desk: Desk) -> None:
    desk.write("good.md", "Good.")
    desk.write(".hidden.md", "Hidden.")
    desk.write("~$good.docx", "Ann has it open.")
    desk.write("picture.png", "No picture.")
    desk.write("wrong.pdf", "<html><body>not a pdf</body></html>")
    (desk.root / "link.md").symlink_to(desk.root / "good.md")

    assert desk.compare() == [
        ".hidden.md is hidden",
        "added good.md",
        "link.md is a symbolic link",
        "picture.png is of no format that can be read",
        "wrong.pdf is refused: wrong.pdf: the name says pdf but the content is HTML.",
        "~$good.docx is hidden",
    ]
    assert desk.compare() == []


def test_a_file_that_fails_is_not_sent_again_and_its_last_good_version_answers(desk: Desk) -> None:
    desk.write("tin.html", "<html><body><p>Tin melts.</p></body></html>")
    desk.compare()
    desk.write("tin.html", "<html><body></body></html>")
    assert desk.compare() == ["replaced tin.html"]

    assert desk.compare() == []
    [document] = desk.client.listed("/v1/documents")
    assert (document["latest_status"], document["status"]) == ("failed", "ready")


def test_a_file_that_is_still_written_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("tin.md", "Tin melts.")
    desk.write("lead.md", "Lead melts.")
    desk.compare()
    desk.told.clear()
    monkeypatch.setattr(folders, "SETTLE_SECONDS", 0.3)
    desk.write("tin.md", "Tin melts at")

    assert desk.watcher.compare(anew=False)
    assert (desk.told, desk.sources().keys()) == ([], {"tin.md", "lead.md"})
    time.sleep(0.35)
    assert not desk.watcher.compare(anew=False)
    assert desk.told == ["replaced tin.md"]


def test_a_folder_that_cannot_be_read_keeps_its_documents(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("deep/tin.md", "Tin melts.")
    desk.write("lead.md", "Lead melts.")
    desk.compare()
    real = folders.os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(folders.os, "scandir", refusing)

    assert desk.compare() == ["deep cannot be read: Permission denied"]
    assert desk.sources().keys() == {"deep/tin.md", "lead.md"}


def test_events_are_followed_over_an_outage_of_the_service(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("tin.md", "Tin melts.")
    real = Watcher.compare
    outages = iter([True])

    def away_at_first(watcher: Watcher, *, anew: bool) -> bool:
        if next(outages, False):
            raise Refused({"title": "Away", "detail": "The database is away.", "status": 503})
        return real(watcher, anew=anew)

    monkeypatch.setattr(Watcher, "compare", away_at_first)
    with _following(desk):
        assert eventually(lambda: "added tin.md" in desk.told, 10)
        desk.write("lead.md", "Lead melts.")
        assert eventually(lambda: "added lead.md" in desk.told, 10)
        (desk.root / "lead.md").rename(desk.root / "heavy.md")
        assert eventually(lambda: "moved lead.md to heavy.md" in desk.told, 10)

    assert desk.told[0] == "Away: The database is away.; looking again in 1 s"


def test_a_key_that_may_not_do_this_ends_it(desk: Desk) -> None:
    with client_of(desk.service.url, desk.service.new_key()) as reader:
        desk.write("tin.md", "Tin melts.")
        watcher = Watcher(reader, Folder(desk.root), "default", "books-1", desk.told.append)
        with pytest.raises(Refused, match="admin key"):
            follow(watcher, desk.root, threading.Event(), desk.told.append)


def test_a_mark_tells_folders_of_one_name_apart(tmp_path: Path) -> None:
    assert mark_of(tmp_path / "a" / "books").startswith("books-")
    assert mark_of(tmp_path / "a" / "books") != mark_of(tmp_path / "b" / "books")


@contextmanager
def _following(desk: Desk) -> Generator[None]:
    stop = threading.Event()
    work: Callable[[], None] = lambda: follow(desk.watcher, desk.root, stop, desk.told.append)  # noqa: E731
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
