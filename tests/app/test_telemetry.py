import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from app.telemetry import DroppingQueueHandler, Metrics

KEY = "ob_" + "k" * 43
PROGRAM = """
import logging
from app.settings import Settings
from app.telemetry import configure_logging
import structlog
configure_logging(Settings())
structlog.contextvars.bind_contextvars(request_id="abc")
{lines}
"""


def logged(lines: str) -> list[dict[str, Any]]:
    """The JSON lines that a program writes, which ends at once: nothing may be lost at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(lines=lines)], capture_output=True, text=True, check=True, timeout=60
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_library_logs_json_with_the_request_and_utc_time() -> None:
    ours, theirs = logged(
        'structlog.stdlib.get_logger("app.x").info("found", hits=3)\nlogging.getLogger("alembic").warning("now %s", 5)'
    )
    assert (ours["event"], ours["hits"], ours["level"], ours["request_id"]) == ("found", 3, "info", "abc")
    assert (theirs["event"], theirs["logger"], theirs["request_id"]) == ("now 5", "alembic", "abc")
    assert ours["timestamp"].endswith("Z")


def test_no_secret_and_no_forged_line_reaches_the_log() -> None:
    lines = logged(f'logging.getLogger("x").error("key %s\\n{{}}", "{KEY}")')
    assert [line["event"] for line in lines] == ["key [secret]\n{}"]


def test_an_exceptions_words_are_logged_only_where_they_are_ours_or_the_systems() -> None:
    foreign, ours, system = logged(
        """
from ingestion.errors import Unreadable
for error in (ValueError("a document's words"), Unreadable("a.pdf: damaged"), OSError(28, "No space left")):
    try:
        raise error
    except Exception:
        logging.getLogger("x").exception("failed")
"""
    )
    assert foreign["error"] == "ValueError"
    assert "words" not in json.dumps(foreign)
    assert (ours["error"], ours["reason"]) == ("Unreadable", "a.pdf: damaged")
    assert "No space left" in system["reason"]
    assert foreign["stack"][-1].startswith("<string>:")


def test_a_full_pipe_drops_lines_and_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.telemetry._LOG_QUEUE", 3)
    monkeypatch.setattr(DroppingQueueHandler, "dropped", 0)
    handler = DroppingQueueHandler()
    logger = logging.Logger("blocked")
    logger.addHandler(handler)
    for number in range(10):
        logger.info("line %s", number)
    assert DroppingQueueHandler.dropped == 7
    assert Metrics().registry.get_sample_value("openbook_log_lines_dropped") == 7


def test_two_apps_count_apart() -> None:
    one, two = Metrics(), Metrics()
    one.count_degraded(["dense", "dense"])
    assert one.registry.get_sample_value("openbook_degraded_total", {"part": "dense"}) == 2
    assert two.registry.get_sample_value("openbook_degraded_total", {"part": "dense"}) is None
