"""The first requests of a process come at once: what they compile is right, and stays right."""

import subprocess
import sys

from app.db.database import Database
from tests.app.db.builders import world

RACE = """
import sys, threading
sys.setswitchinterval(1e-6)
from app.db.library.documents import DocumentStore
from app.db.database import Database
from retrieval.types import CollectionId, Scope

documents = DocumentStore(Database(sys.argv[1]), 10, 3)
scope = Scope(frozenset({CollectionId(int(sys.argv[2]))}))
start = threading.Barrier(6)
failures = []

def first(status):
    start.wait()
    try:
        documents.page(scope, status, None, 50, None)
    except Exception as error:
        failures.append(error)

threads = [threading.Thread(target=first, args=(("queued", None, "ready")[n % 3],)) for n in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
rows = documents.page(scope, None, None, 50, None).rows
assert not failures, failures
assert len(rows) == int(sys.argv[3]), rows
assert documents.get(rows[0].id, scope) == rows[0]
"""


def test_statements_that_many_threads_compile_at_once_are_right(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    here = world(database)
    here.add("one")
    here.add("two")
    database.dispose()

    arguments = [sys.executable, "-c", RACE, sqlite_url, str(here.home.id), "2"]
    run = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)

    assert run.returncode == 0, run.stderr
    assert "SAWarning" not in run.stderr
