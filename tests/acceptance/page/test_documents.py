"""The administrator's documents: uploads with words for what goes wrong, and the table."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Response, Route, expect
from pypdf import PdfWriter

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import PATIENCE_MS, Watched, enter
from tests.ingestion.files import PdfPage, lines, pdf

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.usefixtures("swept")]


@pytest.fixture
def documents(inside: Watched, samples: Service) -> Watched:
    """A tab at the documents."""
    enter(inside.page, samples, "#/documents")
    return inside


def uploads(page: Page) -> Locator:
    return page.get_by_role("list", name="Uploads").get_by_role("listitem")


def file(name: str, text: str | bytes) -> FilePayload:
    content = text.encode() if isinstance(text, str) else text
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def test_an_upload_becomes_ready_and_can_be_deleted(documents: Watched) -> None:
    page = documents.page
    bad = file("tool.exe", b"MZ\x90\x00\x03")
    page.get_by_label("choose files").set_input_files(
        [file("harbour.md", "# Harbour\n\nThe ferry sails at 07:40."), bad]
    )
    expect(uploads(page).filter(has_text="harbour.md")).to_contain_text("Ready", timeout=PATIENCE_MS)
    refused = uploads(page).filter(has_text="tool.exe")
    expect(refused).to_contain_text("This kind of file cannot be read. Save it as PDF")
    expect(refused.get_by_role("button", name="Try tool.exe again")).to_have_count(0)  # the same bytes would fail again
    expect(page.get_by_text("1 of 2 ready, 1 failed").first).to_be_visible()
    row = page.get_by_role("row").filter(has_text="harbour.md")
    expect(row).to_contain_text("Ready", timeout=PATIENCE_MS)
    row.get_by_role("button", name="Delete harbour.md").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Clear finished").click()
    expect(uploads(page)).to_have_count(0)


def test_a_press_on_a_document_counts_though_another_is_through_meanwhile(documents: Watched) -> None:
    page = documents.page
    statuses = ["processing"]

    def tell(route: Route) -> None:
        told = route.fetch().json()
        told["items"][0]["status"] = statuses[-1]
        route.fulfill(json=told)

    page.route(re.compile(r"/v1/documents\?limit=50$"), tell)
    page.clock.install()
    page.reload()
    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("Being read")
    rows.nth(1).get_by_role("link").first.hover()
    page.mouse.down()
    statuses.append("ready")
    page.clock.run_for(3000)
    expect(rows.first).to_contain_text("Ready")
    page.mouse.up()
    expect(page).to_have_url(re.compile("#/documents/doc_"))


def test_a_file_without_text_says_why_and_says_it_once(documents: Watched) -> None:
    page = documents.page
    page.get_by_label("choose files").set_input_files(file("hollow.txt", " \n"))
    expect(uploads(page)).to_contain_text("No text was found. A scan needs OPENBOOK_OCR_LANGUAGES", timeout=PATIENCE_MS)
    row = page.get_by_role("row").filter(has_text="hollow.txt")
    expect(row).to_contain_text("Failed", timeout=PATIENCE_MS)
    assert row.get_by_role("rowheader").inner_text().count("the file has no text") == 1
    row.get_by_role("link", name="hollow.txt", exact=True).click()
    expect(page.get_by_role("region", name="What to know")).to_contain_text("upload a file with text")
    expect(page.get_by_role("button", name="Read it again")).to_be_visible()


def test_dropped_folders_are_walked_in_few_requests_and_followed_in_one(documents: Watched, tmp_path: Path) -> None:
    page = documents.page
    (tmp_path / "atlas" / "north").mkdir(parents=True)
    for number in range(30):
        (tmp_path / "atlas" / "north" / f"place-{number}.md").write_text(f"# Place {number}\n\nIt lies at {number}°.")
    (tmp_path / "atlas" / "south.txt").write_text("The south is warm.")
    (tmp_path / "atlas" / ".hidden.md").write_text("Not meant.")
    (tmp_path / "atlas" / "photo.raw").write_bytes(b"\x00\x01")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {re.sub(r'[?].*', '', request.url)}"))
    drop(page, [tmp_path / "atlas"])
    expect(page.get_by_text("31 of 31 ready, 0 failed").first).to_be_visible(timeout=120_000)
    expect(page.get_by_text("Files of other kinds that were left out: 2")).to_be_visible()
    assert sum(each.startswith("POST") for each in asked) == 3  # twenty and ten of one folder, one of the other
    assert [each for each in asked if each.endswith("/events")] == []
    page.get_by_role("link", name="place-7.md", exact=True).click()
    expect(page.get_by_role("region", name="Metadata")).to_contain_text("atlas/north")


def drop(page: Page, paths: list[Path]) -> None:
    """Drop files and folders from outside, as a desktop's file manager does it."""
    box = page.locator(".drop").bounding_box()
    assert box is not None
    place = {"x": box["x"] + 20, "y": box["y"] + 20}
    dragged = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": dragged, **place})


def test_an_upload_is_cancelled_and_tried_again(documents: Watched, samples: Service) -> None:
    page = documents.page
    with page.expect_response("**/v1/admin/documents") as sent:
        page.get_by_label("choose files").set_input_files(file("saga.md", saga(4000)))
    job = sent.value.json()["documents"][0]["job_id"]
    page.get_by_role("button", name="Cancel saga.md").click()
    expect(uploads(page)).to_contain_text("Cancelled", timeout=PATIENCE_MS)
    assert page.request.get(f"{samples.url}/v1/jobs/{job}").json()["status"] == "cancelled"
    page.get_by_role("button", name="Try saga.md again").click()
    expect(uploads(page).get_by_role("progressbar")).to_be_visible()
    assert page.request.get(f"{samples.url}/v1/jobs/{job}").json()["status"] in ("queued", "running", "succeeded")
    page.get_by_role("button", name="Cancel saga.md").click()
    expect(uploads(page)).to_contain_text("Cancelled", timeout=PATIENCE_MS)


def test_a_locked_pdf_is_opened_with_its_password(documents: Watched) -> None:
    page = documents.page
    page.get_by_label("choose files").set_input_files(file("locked.pdf", locked("sesame")))
    row = uploads(page).filter(has_text="locked.pdf")
    expect(row).to_contain_text("This PDF is locked")
    for password, words in (("open", "This PDF is locked"), ("sesame", "Ready")):
        row.get_by_label("Password for locked.pdf").fill(password)
        with page.expect_response("**/v1/admin/documents"):
            row.get_by_role("button", name="Open").click()
        expect(row).to_contain_text(words, timeout=PATIENCE_MS)
    expect(page.get_by_role("row").filter(has_text="locked.pdf")).to_contain_text("Ready", timeout=PATIENCE_MS)
    documents.expected("status of 422")


def locked(password: str) -> bytes:
    """A PDF of one page that opens with this password alone."""
    writer = PdfWriter(clone_from=BytesIO(pdf(PdfPage(lines("Gallium melts at 29.8 degrees Celsius.")))))
    writer.encrypt(password, algorithm="AES-256")
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def test_all_that_failed_is_tried_again_at_once(documents: Watched) -> None:
    page = documents.page
    page.get_by_label("choose files").set_input_files([file(f"bare-{n}.txt", " \n" * n) for n in (1, 2)])
    expect(page.get_by_text("0 of 2 ready, 2 failed").first).to_be_visible(timeout=PATIENCE_MS)
    retried: list[str] = []

    def both(response: Response) -> bool:
        if response.url.endswith("/retry") and response.ok:
            retried.append(response.url)
        return len(retried) == 2

    with page.expect_response(both):
        page.get_by_role("button", name="Try all failed again").click()
    expect(page.get_by_text("0 of 2 ready, 2 failed").first).to_be_visible(timeout=PATIENCE_MS)
    assert len(set(retried)) == len(retried) == 2


def test_all_that_is_under_way_is_cancelled_at_once(documents: Watched, samples: Service) -> None:
    page = documents.page
    with page.expect_response("**/v1/admin/documents") as sent:
        page.get_by_label("choose files").set_input_files([file(f"saga-{n}.md", saga(4000) + str(n)) for n in (1, 2)])
    jobs = [each["job_id"] for each in sent.value.json()["documents"]]
    page.get_by_role("button", name="Cancel all").click()
    for row in (uploads(page).first, uploads(page).last):
        expect(row).to_contain_text("Cancelled", timeout=PATIENCE_MS)
    told = [page.request.get(f"{samples.url}/v1/jobs/{job}").json()["status"] for job in jobs]
    assert told == ["cancelled", "cancelled"]


def saga(paragraphs: int) -> str:
    """A text that takes its time to be embedded: no two paragraphs are the same."""
    return "# Saga\n\n" + "\n\n".join(
        f"In year {n} ship {n * 7} sailed {n * 13} miles for trade." for n in range(paragraphs)
    )


def test_the_table_shows_what_its_address_asks_for(documents: Watched, samples: Service) -> None:
    page = documents.page
    names = page.locator("tbody .name")
    page.get_by_role("columnheader", name="Document").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Document")).to_have_attribute("aria-sort", "ascending")
    assert "sort=name" in page.url
    expect(names.first).to_have_text("expenses-policy.pdf")
    page.get_by_label("Search by name").fill("policy")
    expect(names).to_have_count(2)
    page.reload()
    expect(names).to_have_count(2)
    expect(page.get_by_label("Search by name")).to_have_value("policy")
    page.get_by_role("combobox", name="Status").select_option("failed")
    expect(page.get_by_text("No document matches.")).to_be_visible()
    page.goto(f"{samples.url}/#/documents?status=ready&sort=-name")
    expect(names.first).to_have_text("travel-policy-zh.md")
