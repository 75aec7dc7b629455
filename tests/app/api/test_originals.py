import asyncio
import threading
from io import BytesIO

import httpx
import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.constants import PageLabelStyle

from ingestion.sandbox.sandbox import Sandbox
from tests.app.running import Running
from tests.ingestion.files import PdfPage, Text, pdf

SIZE = (0, 0, 200, 100)
PDF = pdf(
    PdfPage([Text(10, 50, "Silver tarnishes in the air over time.")], media=SIZE),
    PdfPage([Text(10, 50, "Platinum does not tarnish.")], media=SIZE),
)


@pytest.fixture(scope="module")
def paged(service: Running) -> tuple[str, str]:
    """A PDF of two pages, and the chunk on its second page."""
    made = service.upload("two pages.pdf", PDF)
    service.read_all()
    with service.client(service.admin_secret) as client:
        chunks = client.get(f"/v1/documents/{made['id']}/chunks").json()["items"]
    return made["id"], next(chunk["id"] for chunk in chunks if 2 in chunk["pages"])


def rendered(reply: httpx.Response) -> Image.Image:
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "image/png"
    return Image.open(BytesIO(reply.content)).convert("RGB")


def test_the_original_comes_back_byte_by_byte_as_an_attachment(
    service: Running, reader: httpx.Client, paged: tuple[str, str]
) -> None:
    reply = reader.get(f"/v1/documents/{paged[0]}/file")
    assert reply.content == PDF
    assert reply.headers["content-type"] == "application/pdf"
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''two%20pages.pdf"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("sandbox;")


def test_what_is_printed_on_a_page_stands_beside_its_number(service: Running, reader: httpx.Client) -> None:
    writer = PdfWriter(clone_from=BytesIO(pdf(PdfPage([Text(10, 50, "Osmium is the densest metal.")], media=SIZE))))
    writer.set_page_label(0, 0, style=PageLabelStyle.LOWERCASE_ROMAN, start=9)
    packed = BytesIO()
    writer.write(packed)
    made = service.upload("preface.pdf", packed.getvalue())
    service.read_all()

    [chunk] = reader.get(f"/v1/documents/{made['id']}/chunks").json()["items"]
    [hit] = reader.post("/v1/search", json={"query": "densest metal osmium", "k": 1}).json()["hits"]
    answer = reader.post("/v1/answers", json={"question": "Which metal is the densest?"}).json()

    assert ["densest" in " ".join(_found(reader, "page_label", label)) for label in ("ix", "1")] == [True, False]
    assert (chunk["pages"], chunk["page_labels"]) == ([1], ["ix"])
    assert (hit["chunk"]["pages"], hit["chunk"]["page_labels"]) == ([1], ["ix"])
    assert {(citation["page"], citation["page_label"]) for citation in answer["citations"]} == {(1, "ix")}


def test_a_web_page_is_never_given_as_one(service: Running, reader: httpx.Client) -> None:
    content = "<html><body><script>alert(1)</script><p>Some words that can be read.</p></body></html>"
    made = service.upload("evil.html", content)
    reply = reader.get(f"/v1/documents/{made['id']}/file")
    assert reply.content.decode() == content
    assert reply.headers["content-type"] == "application/octet-stream"


def test_a_name_cannot_break_out_of_its_header(service: Running, reader: httpx.Client) -> None:
    made = service.upload("naïve 文档; filename=x.txt", "A strangely named text.")
    disposition = reader.get(f"/v1/documents/{made['id']}/file").headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''na%C3%AFve%20%E6%96%87%E6%A1%A3%3B%20filename%3Dx.txt"


def test_a_page_is_rendered_and_the_chunks_boxes_are_marked(reader: httpx.Client, paged: tuple[str, str]) -> None:
    document, chunk = paged
    address = f"/v1/documents/{document}/pages/2.png"
    plain = rendered(reader.get(address))
    marked = rendered(reader.get(address, params={"chunk": chunk}))
    assert plain.size == marked.size == (400, 200)
    assert plain.tobytes() != marked.tobytes()


def test_a_quotes_boxes_are_marked_where_they_are(reader: httpx.Client, paged: tuple[str, str]) -> None:
    address = f"/v1/documents/{paged[0]}/pages/1.png"
    plain = rendered(reader.get(address))
    marked = rendered(reader.get(address, params={"box": ["150,10,190,30", "0.5,90,10,99"]}))
    changed = [
        (x, y) for x in range(0, 400, 4) for y in range(0, 200, 4) if plain.getpixel((x, y)) != marked.getpixel((x, y))
    ]
    assert changed
    assert all((x >= 290 and y <= 70) or (x <= 30 and y >= 170) for x, y in changed)


def test_pages_that_are_slow_to_render_keep_nobody_else_waiting(
    service: Running, paged: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(*_: object) -> bytes:
        go_on.wait(20)
        return b"a picture"

    monkeypatch.setattr(Sandbox, "render", slow)
    headers = {"Authorization": f"Bearer {service.new_key()}"}

    async def flooded() -> list[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=20, limits=limits) as client:
            pages = [asyncio.create_task(client.get(f"/v1/documents/{paged[0]}/pages/1.png")) for _ in range(50)]
            try:
                await asyncio.sleep(0.5)  # more than there are threads
                other = await client.get("/v1/documents", timeout=5)
            finally:
                go_on.set()
            return [other.status_code, *{(await page).status_code for page in pages}]

    assert asyncio.run(flooded()) == [200, 200]


def test_a_foreign_chunk_marks_nothing(service: Running, reader: httpx.Client, paged: tuple[str, str]) -> None:
    hit = reader.post("/v1/search", json={"query": "payroll", "collections": ["private"]}).json()["hits"][0]
    address = f"/v1/documents/{paged[0]}/pages/1.png"
    plain = rendered(reader.get(address))
    assert rendered(reader.get(address, params={"chunk": hit["chunk"]["id"]})).tobytes() == plain.tobytes()


@pytest.mark.parametrize("number", ["0", "3", "-1", "99999999999"])
def test_a_page_that_is_not_there_is_a_404(number: str, reader: httpx.Client, paged: tuple[str, str]) -> None:
    assert reader.get(f"/v1/documents/{paged[0]}/pages/{number}.png").status_code == 404


def test_a_document_without_pages_has_no_page_one(reader: httpx.Client, public_id: str) -> None:
    assert reader.get(f"/v1/documents/{public_id}/pages/1.png").status_code == 404


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "1,2,3,4,5", "1e9,1,1,1", "nan,1,1,1"])
def test_a_box_that_is_none_is_refused(box: str, reader: httpx.Client, paged: tuple[str, str]) -> None:
    assert reader.get(f"/v1/documents/{paged[0]}/pages/1.png", params={"box": box}).status_code == 422


def test_originals_of_a_collection_that_blackens_are_for_admins(service: Running, admin: httpx.Client) -> None:
    admin.post("/v1/admin/collections", json={"name": "discreet", "redact": ["email"]})
    made = service.upload("discreet.pdf", pdf(PdfPage([Text(10, 50, "Ask ann@example.org.")], media=SIZE)), "discreet")
    service.read_all()
    addresses = [f"/v1/documents/{made['id']}/file", f"/v1/documents/{made['id']}/pages/1.png"]
    with service.client(service.new_key("reader", ("discreet",))) as reader:
        refused = [reader.get(address) for address in addresses]
        assert reader.get(f"/v1/documents/{made['id']}/chunks").json()["items"][0]["text"] == "Ask [EMAIL]."
    assert [(reply.status_code, reply.json()["type"]) for reply in refused] == [
        (403, "urn:openbook:problem:forbidden"),
        (403, "urn:openbook:problem:forbidden"),
    ]
    assert [admin.get(address).status_code for address in addresses] == [200, 200]


def test_a_section_can_be_demanded(service: Running, reader: httpx.Client) -> None:
    service.upload(
        "metals.md", b"# Metals\n\n## Heavy\n\n### Rare\n\nIridium is rare.\n\n## Light\n\nLithium is light.\n"
    )
    service.read_all()

    paths = ("Heavy", ["Heavy", "Rare"], ["Heavy", "Light"], "Light")
    assert [_found(reader, "section", path) for path in paths] == [
        ["Iridium is rare."],
        ["Iridium is rare."],
        [],
        ["Lithium is light."],
    ]


def _found(reader: httpx.Client, field: str, value: str | list[str]) -> list[str]:
    condition = {"field": field, "op": "eq", "value": value}
    reply = reader.post("/v1/search", json={"query": "osmium iridium lithium", "filter": {"all": [condition]}})
    return [hit["chunk"]["text"] for hit in reply.json()["hits"]]
