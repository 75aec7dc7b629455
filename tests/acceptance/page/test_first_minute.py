"""The first minute: the link of the first start, and logging in with a key."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import Watched

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_the_link_of_the_first_start_lands_logged_in(tab: Watched, service: Service) -> None:
    tab.page.goto(service.login_url)
    tab.page.get_by_label("Your question").wait_for()
    assert "/login/" not in tab.page.url
    tab.assert_clean()


def test_a_wrong_key_is_told_in_words(tab: Watched, service: Service) -> None:
    tab.page.goto(service.url)
    tab.page.get_by_label("Access key").fill(service.admin_key[:-3] + "abc")
    tab.page.get_by_role("button", name="Log in").click()
    expect(tab.page.get_by_role("alert").filter(has_text="not known here")).to_be_visible()
