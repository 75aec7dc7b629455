import threading
from contextlib import ExitStack

import httpx

from ingestion.types import Failure
from tests.app.running import WORKER, Running, events, eventually


def test_a_job_is_followed_to_its_end(service: Running, reader: httpx.Client) -> None:
    made = service.upload("bismuth.txt", "Bismuth is faintly radioactive.")
    threading.Timer(0.4, service.read_all).start()
    with reader.stream("GET", f"/v1/jobs/{made['job_id']}/events") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        told = events(reply)
    assert {name for name, _ in told} == {"job"}
    assert told[0][1]["status"] == "queued"
    assert told[-1][1]["status"] == "succeeded"
    last = reader.get(f"/v1/jobs/{made['job_id']}").json()
    assert told[-1][1] == last
    assert (last["document_id"], last["progress"], last["attempts"], last["error"]) == (made["id"], 1.0, 1, None)


def test_the_events_of_an_ended_job_end_at_once(service: Running, reader: httpx.Client, public_id: str) -> None:
    job = reader.get(f"/v1/documents/{public_id}").json()["job_id"]
    told = events(reader.get(f"/v1/jobs/{job}/events"))
    assert [(name, body["status"]) for name, body in told] == [("job", "succeeded")]
    assert eventually(lambda: not service.state.streams.streams)


def test_a_key_watches_no_more_than_its_share_of_jobs(service: Running, public_id: str) -> None:
    with service.client(service.new_key()) as client:
        key = client.get("/v1/session").json()["id"]
        job = client.get(f"/v1/documents/{public_id}").json()["job_id"]
        assert client.get(f"/v1/jobs/{job}/events").status_code == 200
        assert eventually(lambda: not service.state.watchers.held)
        with ExitStack() as held:
            for _ in range(service.state.watchers.total // 2):
                held.enter_context(service.state.watchers.hold(key))
            refused = client.get(f"/v1/jobs/{job}/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert eventually(lambda: not service.state.watchers.held)


def test_an_unknown_job_has_no_events(reader: httpx.Client) -> None:
    reply = reader.get(f"/v1/jobs/job_{'0' * 26}/events")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


def test_a_queued_job_is_cancelled_and_tried_again(service: Running, admin: httpx.Client) -> None:
    made = service.upload("radium.txt", "Radium glows in the dark.")
    job = f"/v1/admin/jobs/{made['job_id']}"
    assert admin.post(f"{job}/cancel").json()["status"] == "cancelled"
    assert admin.post(f"{job}/cancel").status_code == 409
    service.read_all()
    assert admin.get(f"/v1/documents/{made['id']}").json()["status"] == "failed"
    assert admin.post(f"{job}/retry").json()["status"] == "queued"
    service.read_all()
    assert admin.get(f"/v1/documents/{made['id']}").json()["status"] == "ready"
    assert admin.post(f"{job}/retry").status_code == 409


def test_a_failed_job_says_why(service: Running, admin: httpx.Client) -> None:
    made = service.upload("polonium.txt", "Polonium was named after a country.")
    (job,) = [each for each in service.services.jobs.claim(WORKER, 16, 1 << 30) if each.id == made["job_id"]]
    service.services.jobs.fail(job, Failure("unreadable", "polonium.txt: damaged", transient=False))
    expected = {"code": "unreadable", "message": "polonium.txt: damaged"}
    assert admin.get(f"/v1/jobs/{made['job_id']}").json()["error"] == expected
    document = admin.get(f"/v1/documents/{made['id']}").json()
    assert (document["status"], document["error"]) == ("failed", expected)


def test_many_jobs_are_told_in_one_reply(service: Running, admin: httpx.Client, limited: httpx.Client) -> None:
    bad = service.upload("hollow.txt", " \n")
    good = service.upload("iodine.txt", "Iodine is violet as a gas.")
    foreign = service.upload("secret.txt", "Tin cries when it is bent.", "private")
    ids = [each["job_id"] for each in (bad, good, foreign)]
    assert {each["status"] for each in admin.get("/v1/jobs", params={"id": ids}).json()["items"]} == {"queued"}
    service.read_all()
    told = admin.get("/v1/jobs", params={"id": [*ids, "job_none"]}).json()["items"]
    assert [(each["id"], each["status"], each["version_status"]) for each in told] == [
        (ids[0], "failed", "failed"),
        (ids[1], "succeeded", "ready"),
        (ids[2], "succeeded", "ready"),
    ]
    assert told[1] == admin.get(f"/v1/jobs/{ids[1]}").json()
    assert [each["id"] for each in limited.get("/v1/jobs", params={"id": ids}).json()["items"]] == ids[:2]
    assert admin.get("/v1/jobs").status_code == 422
    assert admin.get("/v1/jobs", params={"id": ["x"] * 201}).status_code == 422
