import re
import subprocess
import sys
import time

import pytest

from app.db import ids
from app.db.ids import new_id
from tests.app.db.builders import at_once


def test_an_id_is_its_prefix_and_26_characters() -> None:
    assert re.fullmatch(r"doc_[0-9a-hjkmnp-tv-z]{26}", new_id("doc"))


def test_ids_of_one_process_rise_whatever_thread_asks() -> None:
    made = at_once(lambda _: [new_id("x") for _ in range(500)], 8)
    assert all(batch == sorted(batch) for batch in made)
    assert len({each for batch in made for each in batch}) == 4000


def test_ids_rise_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id("x")
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    assert new_id("x") > before


def test_an_id_tells_its_time() -> None:
    value = 0
    for character in new_id("x").removeprefix("x_"):
        value = value * 32 + ids.ALPHABET.index(character)
    assert abs((value >> ids.RANDOM_BITS) - time.time() * 1000) < 60_000


def test_a_forked_child_makes_other_ids() -> None:
    program = """
import os, time
from app.db.ids import new_id
time.time_ns = lambda: 10**18  # parent and child share the millisecond
new_id("x")
if os.fork() == 0:
    os.write(1, new_id("x").encode() + b"\\n")
    os._exit(0)
os.wait()
os.write(1, new_id("x").encode())
"""
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert len(set(told)) == 2
