"""A collection kept in step with a folder: what is new is added, what changed is replaced, what moved is renamed, what
is gone is deleted.

All state is in the service: a document that came from the folder says so in its metadata (`watch`, whose folder, and
`source`, the path below it). Each comparison starts from what is there, so that it does not matter what was missed.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal

import watchfiles

from app.client import Client, Json, Refused, ServiceError
from app.watching.folder import SETTLE_SECONDS, Folder, FolderGone, Scan

MARK: Final = "watch"
SOURCE: Final = "source"
COMPARE_SECONDS: Final = 300.0
"""From one comparison with all that the service has to the next; events come in between."""
_TICK_MILLISECONDS: Final = 1000
_LONGEST_PAUSE_SECONDS: Final = 60.0
_OF_THE_FILE: Final = frozenset({413, 415, 422})
_LATER: Final = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class Known:
    """A document that came from the folder, with the bytes of its latest version."""

    id: str
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `document` is None for what is added."""

    action: Literal["move", "replace", "add", "delete"]
    source: str
    document: Known | None


def plan(files: Mapping[str, str], known: Sequence[Known], elsewhere: AbstractSet[str]) -> list[Step]:
    """What brings the documents in step with the files; the same content under another path is a move.

    `files` are SHA-256 by path, `elsewhere` the SHA-256 of the collection's other documents: the same bytes are there
    once, whoever brought them.
    """
    taken: set[str] = set()
    left: list[Known] = []
    for document in known:
        if files.get(document.source) == document.sha256 and document.source not in taken:
            taken.add(document.source)
        else:
            left.append(document)
    steps = _moves(files, taken, left)
    by_source = {document.source: document for document in left}
    covered = {files[source] for source in taken} | elsewhere
    for source, sha256 in files.items():
        if source in taken:
            continue
        if source in by_source:
            document = by_source[source]
            left.remove(document)
            steps.append(Step("replace", source, document))
        elif sha256 not in covered:
            steps.append(Step("add", source, None))
        covered.add(sha256)
    return steps + [Step("delete", document.source, document) for document in left]


def _moves(files: Mapping[str, str], taken: set[str], left: list[Known]) -> list[Step]:
    """Documents whose content lies at a path that none has; they leave `left`, and the paths are `taken`."""
    steps: list[Step] = []
    by_content: dict[str, list[Known]] = {}
    for document in left:
        by_content.setdefault(document.sha256, []).append(document)
    for source, sha256 in files.items():
        if source not in taken and by_content.get(sha256):
            document = by_content[sha256].pop(0)
            left.remove(document)
            taken.add(source)
            steps.append(Step("move", source, document))
    return steps


def mark_of(folder: Path) -> str:
    """Whose documents are whose: the folder's name, and what tells it from others of that name on other machines."""
    place = f"{socket.gethostname()}:{folder.absolute()}"
    return f"{folder.absolute().name[:40]}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


class Watcher:
    """Compares and acts; `tell` is told each thing once."""

    def __init__(self, client: Client, folder: Folder, collection: str, mark: str, tell: Callable[[str], None]) -> None:
        self._client = client
        self._folder = folder
        self._collection = collection
        self._mark = mark
        self._tell = tell
        self._told: set[str] = set()
        self._refused: set[tuple[str, str]] = set()
        self._known: list[Known] = []
        self._elsewhere: set[str] = set()
        self._is_fresh = False
        self.uploaded: set[str] = set()

    def compare(self, *, anew: bool) -> bool:
        """Bring the collection in step; gives whether files are left that were still being written.

        `anew` asks the service what it has. Raises FolderGone, and ServiceError: then the next time asks anew.
        """
        scan = self._folder.scan()
        for source, why in scan.passed_over.items():
            self._tell_once(f"{source} {why}")
        if anew or not self._is_fresh:
            self._ask()
        if self._known and not (scan.files or scan.unsettled or scan.unread):
            raise FolderGone(
                f"{self._folder.root} is empty, and {len(self._known)} documents came from it: perhaps it is not "
                "mounted. Nothing is deleted; delete the documents yourself if that is what you want"
            )
        files = {source: sha for source, sha in scan.files.items() if (source, sha) not in self._refused}
        undecided = scan.files.keys() - files.keys()
        judged = [
            document
            for document in self._known
            if not scan.may_hold(document.source) and document.source not in undecided
        ]
        held = {document.sha256 for document in self._known if document not in judged}
        try:
            for step in plan(files, judged, self._elsewhere | held):
                self._do(step, scan)
        except BaseException:
            self._is_fresh = False
            raise
        return bool(scan.unsettled)

    def _ask(self) -> None:
        known: list[Known] = []
        elsewhere: set[str] = set()
        for document in self._client.listed("/v1/documents", collection=self._collection):
            source = document["metadata"].get(SOURCE)
            if document["metadata"].get(MARK) == self._mark and isinstance(source, str):
                known.append(Known(document["id"], source, self._latest(document)))
            else:
                elsewhere.add(document["sha256"])
        self._known, self._elsewhere, self._is_fresh = sorted(known, key=lambda each: each.id), elsewhere, True

    def _latest(self, document: Json) -> str:
        """The bytes that the document will answer with: those of a version that failed are not sent again."""
        if document["version"] in {None, document["latest_version"]}:
            return document["sha256"]
        return self._client.get(f"/v1/documents/{document['id']}/versions", limit=1)["items"][0]["sha256"]

    def _do(self, step: Step, scan: Scan) -> None:
        try:
            match step.action, step.document:
                case "add", None:
                    self._add(step.source)
                case "replace", Known() as document:
                    self._replace(document, step.source)
                case "move", Known() as document:
                    self._move(document, step.source)
                case "delete", Known() as document:
                    self._delete(document)
                case _:
                    raise AssertionError(step)
        except FileNotFoundError:
            return  # gone meanwhile: the next comparison sees it
        except Refused as refusal:
            if refusal.problem["status"] == HTTPStatus.NOT_FOUND:
                self._is_fresh = False
            elif refusal.problem["status"] in _OF_THE_FILE:
                self._refused.add((step.source, scan.files.get(step.source, "")))
                self._tell_once(f"{step.source} is refused: {refusal.problem['detail']}")
            else:
                raise

    def _add(self, source: str) -> None:
        words = {SOURCE: source, MARK: self._mark}
        document = self._client.add(self._folder.path(source), self._collection, words)
        if document["duplicate"]:
            self._elsewhere.add(document["sha256"])
            return
        self._known.append(Known(document["id"], source, document["sha256"]))
        self.uploaded.add(document["id"])
        self._tell(f"added {source}")

    def _replace(self, document: Known, source: str) -> None:
        self._client.replace(document.id, self._folder.path(source))
        sent = self._client.get(f"/v1/documents/{document.id}")
        self._become(document, replace(document, sha256=self._latest(sent)))
        self.uploaded.add(document.id)
        self._tell(f"replaced {source}")

    def _move(self, document: Known, source: str) -> None:
        words = self._client.get(f"/v1/documents/{document.id}")["metadata"]
        name = source.rpartition("/")[2]
        ours = {SOURCE: source, MARK: self._mark}
        try:
            self._client.patch(f"/v1/admin/documents/{document.id}", {"name": name, "metadata": {**words, **ours}})
        except Refused as refusal:
            if refusal.problem["status"] not in _OF_THE_FILE:
                raise
            # what the file says of itself may be more than anybody may give
            self._client.patch(f"/v1/admin/documents/{document.id}", {"name": name, "metadata": ours})
        self._become(document, replace(document, source=source))
        self._tell(f"moved {document.source} to {source}")

    def _delete(self, document: Known) -> None:
        path = self._folder.path(document.source)
        if os.path.lexists(path) and not path.is_symlink():
            return  # back again
        if not self._folder.root.is_dir():
            raise FolderGone(f"{self._folder.root} is not there any more: nothing is deleted")
        self._client.delete(f"/v1/admin/documents/{document.id}")
        self._known.remove(document)
        self.uploaded.discard(document.id)
        self._tell(f"deleted {document.source}")

    def _become(self, before: Known, after: Known) -> None:
        self._known[self._known.index(before)] = after

    def _tell_once(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            self._tell(words)


def once(watcher: Watcher) -> None:
    """Compare until no file is left that is still written, but not for longer than it takes a file to settle twice.

    Raises FolderGone and ServiceError.
    """
    deadline = time.monotonic() + 2 * SETTLE_SECONDS + 1
    while watcher.compare(anew=True) and time.monotonic() < deadline:
        time.sleep(SETTLE_SECONDS / 4)


def follow(watcher: Watcher, folder: Path, stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Compare at every event and now and then in full, until told to stop; waits out a folder or service that is away.

    Raises ServiceError for what waiting does not mend, such as a key that may not do this.
    """
    pause = 1.0
    while not stop.is_set():
        try:
            due, is_unsettled = 0.0, False
            for has_events in _ticks(folder, stop):
                is_due = time.monotonic() >= due
                if has_events or is_due or is_unsettled:
                    is_unsettled = watcher.compare(anew=is_due)
                    due = time.monotonic() + COMPARE_SECONDS if is_due else due
                    pause = 1.0
        except (FolderGone, ServiceError) as error:
            if isinstance(error, Refused) and not _may_pass(error):
                raise
            tell(f"{error}; looking again in {pause:.0f} s")
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _may_pass(refusal: Refused) -> bool:
    return refusal.problem["status"] >= 500 or refusal.problem["status"] in _LATER


def _ticks(folder: Path, stop: threading.Event) -> Iterator[bool]:
    """Every second, at once at first: whether something happened in the folder."""
    yield True
    try:
        events = watchfiles.watch(
            folder, stop_event=stop, rust_timeout=_TICK_MILLISECONDS, yield_on_timeout=True, raise_interrupt=True
        )
        yield from (bool(changes) for changes in events)
    except FileNotFoundError as error:
        raise FolderGone(f"{folder} is not there: nothing is changed until it is back") from error
