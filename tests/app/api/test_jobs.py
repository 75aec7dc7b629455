from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ingestion.types import Failure, Job, Progress, Stage
from tests.app.running import WORKER, Running, each_event, events, eventually
from tests.ingestion.files import PdfPage, Text, pdf


def test_a_job_is_followed_to_its_end(service: Running, reader: httpx.Client) -> None:
    made = service.upload("bismuth.txt", "Bismuth is faintly radioactive.")
    told: list[tuple[str, Any]] = []
    with ThreadPoolExecutor() as pool, reader.stream("GET", f"/v1/jobs/{made['job_id']}/events") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        for one in each_event(reply):
            told.append(one)
            if len(told) == 1:
                pool.submit(service.read_all)
    assert {name for name, _ in told} == {"job"}
    assert told[0][1]["status"] == "queued"
    assert told[-1][1]["status"] == "succeeded"
    last = reader.get(f"/v1/jobs/{made['job_id']}").json()
    assert told[-1][1] == last
    assert (last["document_id"], last["progress"], last["attempts"], last["error"]) == (made["id"], 1.0, 1, None)


def test_the_pages_of_a_pdf_are_told_while_they_are_read(
    service: Running, reader: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.pipeline._REPORT_SECONDS", 0.0)
    pages = [PdfPage([Text(72, 700, f"Page {n} of the report speaks of element {n}.")]) for n in range(1, 41)]
    made = service.upload("report.pdf", pdf(*pages))
    told: list[Any] = []

    class Patient:
        """Goes on when the progress has reached the one who watches."""

        def __getattr__(self, name: str) -> Any:
            return getattr(service.services.jobs, name)

        def report(self, job: Job, stage: Stage, progress: Progress) -> None:
            service.services.jobs.report(job, stage, progress)
            assert eventually(lambda: told[-1]["done"] == progress.done, 30)

    queue: Any = Patient()
    pipeline = replace(service.services.pipeline, queue=queue)
    jobs = service.services.jobs.claim(WORKER, 16, 1 << 30)
    work: list[Future[None]] = []
    with ThreadPoolExecutor() as pool, reader.stream("GET", f"/v1/jobs/{made['job_id']}/events") as reply:
        for _, body in each_event(reply):
            told.append(body)
            if len(told) == 1:
                work.append(pool.submit(pipeline.ingest, jobs))
        work[0].result()

    assert told[-1]["status"] == "succeeded"
    reading = [body for body in told if body["stage"] == "parse" and body["done"] is not None]
    assert {(body["total"], body["unit"], body["status"]) for body in reading} == {(40, "pages", "running")}
    done = [body["done"] for body in reading]
    assert done == sorted(set(done))
    assert 1 <= done[0] <= done[-1] <= 40
    assert all(0 < body["progress"] <= 0.2 for body in reading)


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
