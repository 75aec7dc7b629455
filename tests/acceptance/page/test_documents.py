"""The administrator's documents on the page."""

import pytest
from playwright.sync_api import FilePayload, expect

from tests.acceptance.page.browsing import PATIENCE_MS, Watched

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_upload_becomes_ready_and_can_be_deleted(inside: Watched) -> None:
    page = inside.page
    page.get_by_role("link", name="Documents").click()
    ferry = b"# Harbour\n\nThe ferry to Skagen sails at 07:40."
    note: FilePayload = {"name": "harbour.md", "mimeType": "text/markdown", "buffer": ferry}
    bad: FilePayload = {"name": "tool.exe", "mimeType": "application/octet-stream", "buffer": b"MZ\x90\x00\x03"}
    page.get_by_label("choose files").set_input_files([note, bad])
    uploads = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(uploads.filter(has_text="harbour.md")).to_contain_text("Ready", timeout=PATIENCE_MS)
    expect(uploads.filter(has_text="tool.exe")).to_contain_text("Failed: ")
    row = page.get_by_role("row").filter(has_text="harbour.md")
    expect(row).to_contain_text("Ready", timeout=PATIENCE_MS)
    row.get_by_role("button", name="Delete harbour.md").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    inside.expected("status of 415")
    inside.assert_clean()


def test_a_file_without_text_says_why_and_says_it_once(inside: Watched) -> None:
    page = inside.page
    page.get_by_role("link", name="Documents").click()
    page.get_by_label("choose files").set_input_files(
        {"name": "hollow.txt", "mimeType": "text/plain", "buffer": b" \n"}
    )
    row = page.get_by_role("row").filter(has_text="hollow.txt")
    expect(row).to_contain_text("Failed", timeout=PATIENCE_MS)
    assert row.get_by_role("rowheader").inner_text().count("the file has no text") == 1
    row.get_by_role("button", name="Delete hollow.txt").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    inside.assert_clean()
