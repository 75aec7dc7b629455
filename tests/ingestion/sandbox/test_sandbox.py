import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingestion.errors import ParseLimit, ParserCrashed, Unreadable
from ingestion.sandbox.sandbox import Sandbox
from ingestion.types import MediaType
from tests.ingestion.files import PdfPage, lines, pdf, word_archive

TEXT: MediaType = "text/plain"
MEBIBYTE = 1 << 20
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The real children."""
    opened = Sandbox(2, 30, 512 * MEBIBYTE, 64 * MEBIBYTE)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def poisoned() -> Iterator[Sandbox]:
    """Children that do what the file tells them to; one second, 256 MiB and 4 MiB of output."""
    opened = Sandbox(2, 1, 256 * MEBIBYTE, 4 * MEBIBYTE, "tests.ingestion.poison_child")
    yield opened
    opened.close()


def said(sandbox: Sandbox, order: str) -> str:
    return sandbox.parse(order.encode(), TEXT, "order.txt").blocks[0].text


@pytest.mark.parametrize(
    ("media_type", "content", "text"),
    [
        (TEXT, b"plain", "plain"),
        ("text/markdown", b"*marked* down", "marked down"),
        ("text/html", b"<p>a page</p>", "a page"),
        ("application/pdf", pdf(PdfPage(lines("printed"))), "printed"),
        (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            word_archive("<w:p><w:r><w:t>typed</w:t></w:r></w:p>"),
            "typed",
        ),
    ],
)
def test_every_format_is_parsed_in_the_child(
    sandbox: Sandbox, media_type: MediaType, content: bytes, text: str
) -> None:
    assert [block.text for block in sandbox.parse(content, media_type, "a").blocks] == [text]


def test_errors_cross_the_pipe_as_their_class_and_name_the_file(sandbox: Sandbox) -> None:
    with pytest.raises(Unreadable, match=r"report\.pdf: the PDF is damaged"):
        sandbox.parse(b"%PDF-1.7 no", "application/pdf", "report.pdf")


def test_unlocking_gives_nothing_for_what_opens(sandbox: Sandbox) -> None:
    assert sandbox.unlock(io.BytesIO(pdf(PdfPage())), "application/pdf", None) is None
    assert (
        sandbox.unlock(
            io.BytesIO(word_archive("")),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            None,
        )
        is None
    )
    assert sandbox.unlock(io.BytesIO(b"x"), TEXT, None) is None


def test_a_file_that_waits_for_a_child_is_not_in_memory() -> None:
    in_memory: list[int] = []
    most: list[int] = []

    class File(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            in_memory.append(1)
            most.append(len(in_memory))
            return super().read(size)

    def unlock(opened: Sandbox) -> None:
        opened.unlock(File(b"sleep 0.05"), TEXT, None)
        in_memory.pop()

    opened = Sandbox(2, 5, 256 * MEBIBYTE, MEBIBYTE, "tests.ingestion.poison_child")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(unlock, [opened] * 16))
    opened.close()

    assert max(most) <= 3  # one may have its answer and not have said so yet


def test_a_page_is_rendered_with_its_boxes_marked(sandbox: Sandbox) -> None:
    content = pdf(PdfPage(lines("printed")))

    plain, marked = sandbox.render(content, 1, [], 1.0), sandbox.render(content, 1, [(72, 60, 110, 80)], 1.0)

    assert plain.startswith(b"\x89PNG")
    assert marked.startswith(b"\x89PNG")
    assert plain != marked
    with pytest.raises(Unreadable, match="page 2"):
        sandbox.render(content, 2, [], 1.0)


def test_a_child_knows_no_model_no_database_and_no_server(sandbox: Sandbox) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import ingestion.sandbox.child, sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip

    assert not {"torch", "sqlalchemy", "fastapi", "starlette", "app"} & set(loaded)


def test_one_child_parses_many_documents(poisoned: Sandbox) -> None:
    assert len({said(poisoned, "pid") for _ in range(1000)}) == 1


@pytest.mark.parametrize("order", ["hang", "sleep 60", "ignore-alarm"])
def test_a_hanging_parser_is_killed_in_time(poisoned: Sandbox, order: str) -> None:
    said(poisoned, "pid")
    start = time.monotonic()

    with pytest.raises(ParseLimit, match=r"order\.txt: .*OPENBOOK_PARSE_TIMEOUT_SECONDS"):
        said(poisoned, order)

    assert time.monotonic() - start < 10
    assert said(poisoned, "echo alive") == "alive"


@pytest.mark.parametrize(("order", "how"), [("abort", "SIGABRT"), ("segfault", "SIGSEGV"), ("exit", "exit status 3")])
def test_a_crashing_parser_is_told_and_the_next_file_is_parsed(poisoned: Sandbox, order: str, how: str) -> None:
    with pytest.raises(ParserCrashed, match=how):
        said(poisoned, order)

    assert said(poisoned, "echo alive") == "alive"


@pytest.mark.parametrize(
    ("order", "says"), [("eat", "MEMORY"), ("recurse", "deeply"), ("flood", "4 MiB"), ("limit", "too much")]
)
def test_a_parser_that_takes_too_much_is_past_its_limit(poisoned: Sandbox, order: str, says: str) -> None:
    with pytest.raises(ParseLimit, match=says):
        said(poisoned, order)

    assert said(poisoned, "echo alive") == "alive"


def test_a_damaged_file_is_no_crash(poisoned: Sandbox) -> None:
    with pytest.raises(Unreadable, match=r"order\.txt: it is damaged"):
        said(poisoned, "damaged")


@pytest.mark.parametrize("order", ["bug", "garble"])
def test_a_parser_that_makes_no_sense_is_told_as_a_crash(poisoned: Sandbox, order: str) -> None:
    with pytest.raises(ParserCrashed):
        said(poisoned, order)


def test_what_libraries_print_does_not_reach_the_protocol(poisoned: Sandbox) -> None:
    assert said(poisoned, "print") == ""


def test_a_parser_can_write_no_file(poisoned: Sandbox, tmp_path: Path) -> None:
    assert said(poisoned, f"write {tmp_path / 'stolen'}") == "OSError"
    assert all(file.stat().st_size == 0 for file in tmp_path.iterdir())


def test_a_parser_can_open_few_files(poisoned: Sandbox) -> None:
    assert said(poisoned, "open-many") == "OSError"


def test_a_parser_sees_none_of_our_environment(poisoned: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_ADMIN_KEY", "secret")

    names = said(poisoned, "environment").split()

    assert not [name for name in names if name.startswith("OPENBOOK")]
    assert "HOME" not in names


def test_a_child_that_died_between_two_files_is_replaced_unseen(poisoned: Sandbox) -> None:
    before = said(poisoned, "pid")
    os.kill(int(before), signal.SIGKILL)

    after = said(poisoned, "pid")

    assert after != before


def test_a_child_that_has_grown_is_replaced(poisoned: Sandbox) -> None:
    before = said(poisoned, "pid")

    assert said(poisoned, "keep 100") == "done"

    assert said(poisoned, "pid") != before


def test_a_child_that_grows_a_little_with_every_file_is_replaced(poisoned: Sandbox) -> None:
    before = said(poisoned, "pid")

    for _ in range(13):  # 65 MiB, past a fourth of the 256 that one file may take
        assert said(poisoned, "keep 5") == "done"

    assert said(poisoned, "pid") != before


def test_several_threads_share_the_children(poisoned: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        pids = list(pool.map(said, [poisoned] * 40, ["pid"] * 40))

    assert 1 <= len(set(pids)) <= poisoned.processes


def test_a_child_outlives_the_thread_that_first_asked(poisoned: Sandbox) -> None:
    os.kill(int(said(poisoned, "pid")), signal.SIGKILL)
    pids: list[str] = []
    thread = threading.Thread(target=lambda: pids.append(said(poisoned, "pid")))
    thread.start()
    thread.join()
    time.sleep(0.1)

    assert said(poisoned, "pid") == pids[0]


def test_idle_children_end() -> None:
    sandbox = Sandbox(1, 5, 256 * MEBIBYTE, MEBIBYTE, "tests.ingestion.poison_child", idle_seconds=0.1)
    pid = int(said(sandbox, "pid"))

    assert ended(pid)
    assert said(sandbox, "echo again") == "again"
    sandbox.close()


def test_closing_ends_the_children() -> None:
    sandbox = Sandbox(1, 5, 256 * MEBIBYTE, MEBIBYTE, "tests.ingestion.poison_child")
    pid = int(said(sandbox, "pid"))

    sandbox.close()

    assert ended(pid)
    with pytest.raises(ParserCrashed, match="closed"):
        said(sandbox, "pid")


@pytest.mark.parametrize("order", ["pid", "hang"])
def test_children_end_with_their_parent(order: str) -> None:
    program = (
        "import sys, threading, time; from ingestion.sandbox.sandbox import Sandbox\n"
        "s = Sandbox(1, 60, 1 << 28, 1 << 20, 'tests.ingestion.poison_child')\n"
        "print(s.parse(b'pid', 'text/plain', 'x').blocks[0].text, flush=True)\n"
        f"threading.Thread(target=s.parse, args=(b'{order}', 'text/plain', 'x')).start()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    assert ended(child)


def test_a_child_that_cannot_start_is_a_crash() -> None:
    sandbox = Sandbox(1, 5, 256 * MEBIBYTE, MEBIBYTE, "tests.ingestion.no_such_child")

    with pytest.raises(ParserCrashed, match="exit status 1"):
        said(sandbox, "pid")
    sandbox.close()


def test_a_document_larger_than_a_pipe_passes(poisoned: Sandbox) -> None:
    text = "x" * (3 * MEBIBYTE)

    assert said(poisoned, f"echo {text}") == text


def ended(pid: int, seconds: float = 5) -> bool:
    """Whether the process is gone soon: dead, or dead and waiting to be reaped by init."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_pages_are_told_while_a_file_is_parsed(sandbox: Sandbox) -> None:
    told: list[tuple[int | None, int | None]] = []

    sandbox.read(
        pdf(*(PdfPage(lines(f"page {n}")) for n in range(9))),
        "application/pdf",
        "nine.pdf",
        watch=lambda done, total: told.append((done, total)),
    )

    assert (1, 9) in told


def test_who_watches_may_end_it(poisoned: Sandbox) -> None:
    def tired(done: int | None, total: int | None) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        poisoned.read(b"sleep 50", TEXT, "order.txt", watch=tired)

    assert time.monotonic() - began < 1
    assert said(poisoned, "echo alive") == "alive"
