from datetime import UTC, datetime

import httpx

from app.api.overview import take_sample
from tests.app.running import Running, eventually


def test_an_admin_sees_queue_indexes_room_and_the_last_hour(service: Running, admin: httpx.Client) -> None:
    take_sample(service.state)
    admin.post("/v1/search", json={"query": "gallium"}).raise_for_status()
    assert eventually(lambda: _searches_counted(service, admin) == 1)  # a moment after its reply has gone out
    service.upload("waiting.md", "# Waits\n\nNobody reads this yet.")
    told = admin.get("/v1/admin/health").json()
    assert told["reasons"] == {}
    assert (told["queue"]["jobs"]["queued"], told["queue"]["jobs"]["succeeded"]) == (1, 2)
    assert 0 <= told["queue"]["oldest_seconds"] < 60
    default, private = told["indexes"]
    assert (default["collection"], default["documents"], default["chunks"], default["lag"]) == ("default", 2, 1, 0)
    assert private["collection"] == "private"
    assert 0 < told["room"]["free"] <= told["room"]["total"]
    assert told["generator"] == "extractive"
    assert "/v1/search" in [each["route"] for each in told["routes"]]
    assert sum(each["searches"]["count"] for each in told["samples"]) == 1
    assert datetime.fromisoformat(told["samples"][-1]["at"]) <= datetime.now(UTC)
    service.read_all()
    assert admin.get("/v1/admin/health").json()["queue"]["oldest_seconds"] is None


def _searches_counted(service: Running, admin: httpx.Client) -> int:
    """In all samples: the service takes one of its own now and then, too."""
    take_sample(service.state)
    return sum(each["searches"]["count"] for each in admin.get("/v1/admin/health").json()["samples"])


def test_a_reader_does_not(reader: httpx.Client) -> None:
    assert reader.get("/v1/admin/health").status_code == 403
