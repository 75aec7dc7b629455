from pathlib import Path

import httpx
import pytest

from app.auth import COOKIE, new_login
from tests.app.running import Running, running


def test_a_key_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(service: Running) -> None:
    secret = service.new_key()
    with service.client() as browser:
        reply = browser.post("/v1/session", json={"key": secret}, headers={"Origin": service.url})
        assert reply.json()["role"] == "reader"
        cookie = reply.headers["set-cookie"].lower()
        for part in (f"{COOKIE}=obs_", "httponly", "samesite=strict", "path=/", "max-age=604800"):
            assert part in cookie
        assert secret.lower() not in cookie
        assert browser.get("/v1/session").json() == reply.json()


def test_who_is_told_by_names(service: Running, reader: httpx.Client, limited: httpx.Client) -> None:
    assert limited.get("/v1/session").json()["collections"] == ["default"]
    assert limited.get("/v1/session").json()["limited"] is True
    assert set(reader.get("/v1/session").json()["collections"]) == {"default", "private"}
    assert reader.get("/v1/session").json()["limited"] is False


def test_a_session_that_was_ended_is_worth_nothing(service: Running) -> None:
    with service.client() as browser:
        browser.post("/v1/session", json={"key": service.new_key()})
        stolen = browser.cookies[COOKIE]
        assert browser.delete("/v1/session", headers={"Origin": service.url}).status_code == 204
        assert COOKIE not in browser.cookies
        with service.client() as thief:
            assert thief.get("/v1/session", headers={"Cookie": f"{COOKIE}={stolen}"}).status_code == 401


@pytest.mark.parametrize("key", ["", "ob_wrong", "ob_" + "a" * 60, "x" * 200])
def test_a_wrong_key_opens_no_session(key: str, service: Running, anonymous: httpx.Client) -> None:
    service.state.login_failures.hits.clear()
    reply = anonymous.post("/v1/session", json={"key": key})
    assert reply.status_code == (401 if key else 422)
    assert "set-cookie" not in reply.headers


def test_another_sites_page_logs_nobody_in(service: Running) -> None:
    with service.client() as browser:
        reply = browser.post("/v1/session", json={"key": service.new_key()}, headers={"Origin": "https://evil.example"})
        assert reply.status_code == 403
        assert not browser.cookies


def test_a_login_link_works_once(service: Running) -> None:
    path = new_login(service.services.keys, service.admin_secret)
    with service.client() as browser:
        reply = browser.get(path)
        assert (reply.status_code, reply.headers["location"]) == (303, "/")
        assert browser.get("/v1/session").json()["role"] == "admin"
    with service.client() as late:
        again = late.get(path)
        assert (again.status_code, again.headers["location"]) == (303, "/#/login-failed")
        assert not late.cookies


def test_wrong_keys_are_slowed_down_and_so_is_whoever_shares_the_address(service: Running) -> None:
    service.state.login_failures.hits.clear()
    wrong = {"key": "ob_" + "a" * 60}
    with service.client() as browser:
        statuses = [
            browser.post("/v1/session", json=wrong, headers={"X-Forwarded-For": f"203.0.113.{number}"}).status_code
            for number in range(12)
        ]
        assert statuses == [401] * 10 + [429] * 2
        reply = browser.post("/v1/session", json={"key": service.new_key()})
        assert (reply.status_code, reply.json()["type"]) == (429, "urn:openbook:problem:too_many_requests")
        assert browser.get("/login/obl_" + "a" * 60).status_code == 429
    service.state.login_failures.hits.clear()


def test_a_good_key_does_not_open_sessions_without_end(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path, sqlite_template) as started, started.client() as browser:
        key = started.new_key()
        statuses = [browser.post("/v1/session", json={"key": key}).status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]


def test_logins_are_written_into_the_audit_log(service: Running) -> None:
    service.state.login_failures.hits.clear()
    with service.client() as browser:
        browser.post("/v1/session", json={"key": service.new_key()})
        browser.post("/v1/session", json={"key": "ob_" + "a" * 60})
    assert service.services.audit.verify()
