import hashlib
import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.running import Running, running

DOCUMENTS = "/v1/admin/documents"


def upload(client: httpx.Client, *files: tuple[str, bytes], **more: Any) -> httpx.Response:
    return client.post(DOCUMENTS, files=[("file", file) for file in files], **more)


def test_an_accepted_file_is_told_whole_and_queued(admin: httpx.Client) -> None:
    content = b"Tin melts at 231.9 degrees."
    reply = upload(
        admin, ("tin.txt", content), data={"metadata": '{"group": 14, "soft": true, "names": ["tin", "Sn"]}'}
    )
    (document,) = reply.json()["documents"]
    assert reply.status_code == 202
    assert document | {"id": "", "job_id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "name": "tin.txt",
        "title": "tin.txt",
        "collection": "default",
        "media_type": "text/plain",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "language": None,
        "metadata": {"group": 14, "soft": True, "names": ["tin", "Sn"]},
        "effective_at": None,
        "version": None,
        "latest_version": 1,
        "latest_status": "queued",
        "pages": None,
        "chunks": None,
        "warnings": [],
        "counts": {},
        "status": "queued",
        "error": None,
        "job_id": "",
        "created_at": "",
        "updated_at": "",
        "duplicate": False,
    }
    assert admin.get(f"/v1/documents/{document['id']}").json() == {
        name: value for name, value in document.items() if name != "duplicate"
    }
    assert document["created_at"].endswith("Z")


def test_the_same_bytes_are_the_same_document_in_one_collection_and_another_in_another(admin: httpx.Client) -> None:
    first = upload(admin, ("lead.txt", b"Lead is heavy.")).json()["documents"][0]
    again = upload(admin, ("other-name.txt", b"Lead is heavy.")).json()["documents"][0]
    elsewhere = upload(admin, ("lead.txt", b"Lead is heavy."), data={"collection": "private"}).json()["documents"][0]
    assert (again["id"], again["duplicate"]) == (first["id"], True)
    assert elsewhere["id"] != first["id"]
    assert elsewhere["duplicate"] is False


def test_each_of_several_files_has_its_own_outcome_in_order(admin: httpx.Client) -> None:
    reply = upload(admin, ("a.txt", b"Alpha."), ("b.exe", b"MZ\x90\x00" * 40), ("c.txt", b""), ("d.txt", b"Delta."))
    first, second, third, fourth = reply.json()["documents"]
    assert reply.status_code == 202
    assert [first["name"], fourth["name"]] == ["a.txt", "d.txt"]
    assert (second["name"], second["problem"]["status"], third["problem"]["status"]) == ("b.exe", 415, 422)
    assert second["problem"]["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("name", "content", "status", "kind"),
    [
        ("virus.exe", b"MZ\x90\x00" * 40, 415, "unsupported_format"),
        ("page.pdf", b"<html><script>alert(1)</script></html>", 415, "format_mismatch"),
        ("empty.txt", b"", 422, "empty"),
        ("broken.pdf", b"%PDF-1.7\n" + b"junk " * 100, 422, "unreadable"),
    ],
)
def test_a_single_refused_file_answers_with_its_own_status(
    name: str, content: bytes, status: int, kind: str, admin: httpx.Client
) -> None:
    reply = upload(admin, (name, content))
    assert (reply.status_code, reply.json()["type"]) == (status, f"urn:openbook:problem:{kind}")
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_refusal_names_the_file_as_it_is(admin: httpx.Client) -> None:
    assert upload(admin, ("empty.txt", b"")).json()["detail"].startswith("empty.txt: ")


@pytest.mark.parametrize(
    "metadata",
    [
        "no json",
        "[1]",
        '{"a": {"b": 1}}',
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        '{"": 1}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 15_000,
        json.dumps({str(number): number for number in range(51)}),
    ],
)
def test_metadata_that_no_filter_could_compare_is_refused(metadata: str, admin: httpx.Client) -> None:
    reply = upload(admin, ("m.txt", b"Metadata."), data={"metadata": metadata})
    assert (reply.status_code, reply.json()["type"]) == (422, "urn:openbook:problem:invalid_request")


@pytest.mark.parametrize("date", ["2024", "1 May 2024", 2024, ["2024-05-01"], "2024-05-01T10:00:00"])
def test_a_date_that_is_none_is_refused_with_an_example(date: object, admin: httpx.Client) -> None:
    reply = upload(admin, ("m.txt", b"Metadata."), data={"metadata": json.dumps({"effective_at": date})})
    assert reply.status_code == 422
    assert "2026-11-30T12:00:00Z" in reply.json()["detail"]


def test_an_unknown_collection_is_not_made_by_an_upload(admin: httpx.Client) -> None:
    reply = upload(admin, ("m.txt", b"Metadata."), data={"collection": "nowhere"})
    assert reply.status_code == 404


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\x.txt", "x.txt"),
        ("a\u202etxt.exe.txt", "atxt.exe.txt"),
        ("n" * 400 + ".txt", "n" * 251 + ".txt"),
        ("📄 naïve 文档.txt", "📄 naïve 文档.txt"),
    ],
)
def test_a_name_is_only_ever_shown(name: str, shown: str, admin: httpx.Client, service: Running) -> None:
    reply = upload(admin, (name, f"Named {name}.".encode()))
    assert [document["name"] for document in reply.json()["documents"]] == [shown]
    stored = [path.name for path in service.services.settings.data_dir.rglob("*")]
    assert not [path for path in stored if "passwd" in path or "naïve" in path or path.startswith("n" * 20)]


def test_a_retry_under_the_same_key_gets_the_same_reply_and_does_nothing_twice(admin: httpx.Client) -> None:
    headers = {"Idempotency-Key": "retry-1"}
    first = upload(admin, ("zinc.txt", b"Zinc is bluish."), headers=headers)
    again = upload(admin, ("zinc.txt", b"Zinc is bluish."), headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.json()["documents"][0]["duplicate"] is False


def test_another_request_under_the_same_key_is_refused(admin: httpx.Client) -> None:
    headers = {"Idempotency-Key": "retry-2"}
    upload(admin, ("iron.txt", b"Iron rusts."), headers=headers)
    for files, data in (
        ((("iron.txt", b"Iron does not rust."),), {}),
        ((("steel.txt", b"Iron rusts."),), {}),
        ((("iron.txt", b"Iron rusts."),), {"collection": "private"}),
    ):
        reply = upload(admin, *files, headers=headers, data=data)
        assert (reply.status_code, reply.json()["type"]) == (422, "urn:openbook:problem:idempotency_mismatch")


def test_another_password_is_another_request(admin: httpx.Client) -> None:
    headers = {"Idempotency-Key": "retry-with-password"}
    assert upload(admin, ("p.txt", b"No password needed."), headers=headers).status_code == 202
    reply = upload(admin, ("p.txt", b"No password needed."), headers=headers, data={"password": "secret"})
    assert (reply.status_code, reply.json()["type"]) == (422, "urn:openbook:problem:idempotency_mismatch")


def test_a_refused_upload_may_be_tried_again_under_its_key(admin: httpx.Client) -> None:
    headers = {"Idempotency-Key": "retry-3"}
    assert upload(admin, ("bad.txt", b""), headers=headers).status_code == 422
    assert upload(admin, ("good.txt", b"Better now."), headers=headers).status_code == 202


def test_a_new_version_waits_while_the_old_one_answers(service: Running, admin: httpx.Client) -> None:
    made = service.upload("nickel.txt", "Nickel melts at 1455 degrees.", metadata='{"kept": "yes"}')
    service.read_all()
    reply = admin.put(f"{DOCUMENTS}/{made['id']}", files={"file": ("nickel.txt", b"Nickel melts at 1456 degrees.")})
    waiting = reply.json()
    assert reply.status_code == 202
    assert (waiting["id"], waiting["version"], waiting["status"]) == (made["id"], 1, "ready")
    assert (waiting["latest_version"], waiting["latest_status"], waiting["duplicate"]) == (2, "queued", False)
    service.read_all()
    served = admin.get(f"/v1/documents/{made['id']}").json()
    assert (served["version"], served["latest_status"], served["metadata"]) == (2, "ready", {"kept": "yes"})
    hits = admin.post("/v1/search", json={"query": "Nickel melts"}).json()["hits"]
    assert [hit["chunk"]["text"] for hit in hits if hit["document"]["id"] == made["id"]] == [
        "Nickel melts at 1456 degrees."
    ]


def test_a_new_version_of_nothing_is_a_404(admin: httpx.Client) -> None:
    reply = admin.put(f"{DOCUMENTS}/doc_{'0' * 26}", files={"file": ("a.txt", b"a")})
    assert reply.status_code == 404


def test_the_queue_has_an_end(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path, sqlite_template, queue_max_jobs=2) as started,
        started.client(started.admin_secret) as client,
    ):
        assert upload(client, ("a.txt", b"a"), ("b.txt", b"b")).status_code == 202
        full = upload(client, ("c.txt", b"c"))
        assert (full.status_code, full.json()["type"]) == (429, "urn:openbook:problem:queue_full")
        assert int(full.headers["retry-after"]) > 0
        assert len(client.get("/v1/documents").json()["items"]) == 2


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Any:
    with running(
        tmp_path_factory.mktemp("small"), sqlite_template, upload_max_mebibytes=1, upload_max_files=3
    ) as started:
        yield started


def test_a_file_past_the_cap_is_refused(small: Running) -> None:
    with small.client(small.admin_secret) as client:
        reply = upload(client, ("big.txt", b"a" * ((1 << 20) + 1)))
        assert (reply.status_code, reply.json()["type"]) == (413, "urn:openbook:problem:too_large")
        assert upload(client, ("fits.txt", b"a" * (1 << 20))).status_code == 202


def test_more_files_than_allowed_are_refused(small: Running) -> None:
    with small.client(small.admin_secret) as client:
        reply = upload(client, *((f"{number}.txt", b"x") for number in range(4)))
    assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")


def test_a_chunked_body_past_the_cap_is_cut_while_it_comes(small: Running) -> None:
    head = (
        f"POST {DOCUMENTS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {small.admin_secret}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    block = b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"
    sent = 0
    with socket.create_connection((small.host, small.port), timeout=10) as client:
        client.sendall(head + f"{len(part):x}\r\n".encode() + part + b"\r\n")
        client.setblocking(False)
        answer = b""
        with suppress(ConnectionError):  # past the refusal, the server reads on for a MiB and no further
            while b"\r\n\r\n" not in answer:
                with suppress(BlockingIOError):
                    sent += client.send(block[sent % len(block) :])
                with suppress(BlockingIOError):
                    answer += client.recv(1 << 16)
                assert sent < 64 << 20
        client.setblocking(True)
        answer += client.recv(1 << 16) if not answer else b""
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header\r\n"),
        ("multipart/form-data; boundary=b", b"x" * 100_000),
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--b--'),
    ],
)
def test_a_form_that_is_none_is_refused(content_type: str, body: bytes, admin: httpx.Client) -> None:
    reply = admin.post(DOCUMENTS, content=body, headers={"Content-Type": content_type})
    assert reply.status_code in (400, 422)
    assert reply.headers["content-type"] == "application/problem+json"


def part(name: str, content: str, *, file: bool = False) -> str:
    filename = '; filename="cut.txt"' if file else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n{content}'


@pytest.mark.parametrize(
    "body",
    [
        part("file", "Never taken, for", file=True),
        part("file", "Never taken, whole.", file=True) + "\r\n" + part("file", "Another that", file=True),
        part("file", "Never taken by default.", file=True) + "\r\n" + part("collection", "priv"),
        part("file", "Never taken, no end.", file=True) + "\r\n",
    ],
)
def test_a_form_that_breaks_off_is_refused_whole(body: str, admin: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for content in (body.encode(), (bytes([byte]) for byte in body.encode())):
        reply = admin.post(DOCUMENTS, content=content, headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")
        assert "last boundary is missing" in reply.json()["detail"]
    assert admin.get("/v1/documents", params={"q": "cut.txt"}).json()["items"] == []


def test_a_form_ends_with_its_last_boundary_wherever_its_pieces_are_cut(admin: httpx.Client) -> None:
    body = (part("file", "Whole in the end.", file=True) + "\r\n--b--\r\nan epilogue").encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for content in (body, (bytes([byte]) for byte in body)):
        assert admin.post(DOCUMENTS, content=content, headers=headers).status_code == 202


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"colection": "private"}, "body.colection: Extra inputs are not permitted"),
        ({"collection": ["private", "default"]}, "body.collection: Given 2 times: give it once"),
    ],
)
def test_a_form_with_a_field_that_is_unknown_or_stands_there_twice_is_refused(
    more: dict[str, Any], told: str, admin: httpx.Client
) -> None:
    reply = upload(admin, ("astray.txt", b"Not for everybody."), data=more)
    assert (reply.status_code, reply.json()["detail"]) == (422, told)
    assert admin.get("/v1/documents", params={"q": "astray"}).json()["items"] == []


def test_a_file_that_was_sent_as_text_is_refused_with_the_way_out(admin: httpx.Client) -> None:
    for method, address in (("POST", DOCUMENTS), ("PUT", f"{DOCUMENTS}/doc_1")):
        reply = admin.request(method, address, files={"file": (None, "report.pdf")})
        assert reply.status_code == 422
        assert "curl -F file=@PATH" in reply.json()["detail"]


@pytest.mark.parametrize(
    "sent", [{"json": {"file": "a.txt"}}, {"data": {"file": "a.txt"}}, {"content": b"a"}, {"content": b""}]
)
def test_an_upload_that_is_no_form_is_refused_with_the_way_out(sent: dict[str, Any], admin: httpx.Client) -> None:
    reply = admin.post(DOCUMENTS, **sent)
    assert reply.status_code == 422
    assert reply.json()["detail"] == "body: Input should be a form, sent as multipart/form-data"


def test_a_new_version_is_one_file(admin: httpx.Client) -> None:
    (document,) = upload(admin, ("one.txt", b"One file.")).json()["documents"]
    files = [("file", ("one.txt", b"The first.")), ("file", ("one.txt", b"The second."))]
    address = f"{DOCUMENTS}/{document['id']}"
    reply = admin.put(address, files=files)
    assert (reply.status_code, reply.json()["detail"]) == (422, "body.file: Given 2 times: give it once")
    moved = admin.put(address, files=files[:1], data={"collection": "private"})
    assert (moved.status_code, moved.json()["detail"]) == (422, "body.collection: Extra inputs are not permitted")


def test_many_parts_are_refused_quickly(admin: httpx.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
    reply = admin.post(
        DOCUMENTS, content=part * 20_000 + b"--b--", headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert reply.status_code == 400
    assert reply.elapsed.total_seconds() < 2


def test_uploads_are_written_into_the_audit_log(service: Running, admin: httpx.Client) -> None:
    upload(admin, ("audited.txt", b"Audited."))
    assert service.services.audit.verify()
