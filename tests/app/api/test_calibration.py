from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.db.quality.calibrations import CalibrationStore
from retrieval.types import Scope
from tests.app.library import services
from tests.app.running import Running

CALIBRATION = "/v1/admin/calibration"
FOUND = {"abstain_below": 0.6, "false_refusals": 0.05, "answerable": 40}


@pytest.fixture
def kept(admin: httpx.Client) -> Iterator[httpx.Response]:
    yield admin.put(CALIBRATION, json=FOUND)
    admin.delete(CALIBRATION)


def test_a_setting_goes_before_a_calibration(admin: httpx.Client, kept: httpx.Response) -> None:
    body = kept.json()
    assert (body["abstain_below"], body["source"], body["calibrated"]) == (0.0, "setting", 0.6)
    assert admin.get(CALIBRATION).json() == body


def test_a_calibration_is_forgotten(admin: httpx.Client, kept: httpx.Response) -> None:
    assert kept.status_code == 200
    assert admin.delete(CALIBRATION).status_code == 204
    assert admin.get(CALIBRATION).json()["calibrated"] is None


def test_a_calibration_is_of_a_collection_s_own_embedder(admin: httpx.Client, service: Running) -> None:
    service.services.collections.ensure("elsewhere", "another|model")
    theirs = {"collection": "elsewhere"}

    body = admin.put(CALIBRATION, params=theirs, json=FOUND).json()

    assert (body["fingerprint"], body["calibrated"]) == ("another|model", 0.6)
    assert admin.get(CALIBRATION, params=theirs).json() == body
    assert admin.get(CALIBRATION).json()["calibrated"] is None
    assert admin.delete(CALIBRATION, params=theirs).status_code == 204
    assert admin.get(CALIBRATION, params=theirs).json()["calibrated"] is None
    assert admin.get(CALIBRATION, params={"collection": "nowhere"}).status_code == 404


def test_answers_go_by_the_calibrations_of_the_embedders_of_their_collections(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with services(tmp_path) as given:
        mine = Scope(frozenset({given.collections.ensure("mine", given.embedder.fingerprint).id}))
        other = Scope(frozenset({given.collections.ensure("other", "another").id}))
        both = Scope(mine.collections | other.collections)
        assert given.answerer.calibrated(both) is None
        given.calibrations.keep(given.embedder.fingerprint, 0.3, 0.05, 40)
        given.calibrations.keep("a third", 0.9, 0.05, 40)
        assert [given.answerer.calibrated(scope) for scope in (mine, other, both)] == [0.3, None, 0.45]
        given.calibrations.keep("another", 0.6, 0.05, 40)
        assert [given.answerer.calibrated(scope) for scope in (mine, other, both)] == [0.3, 0.6, 0.6]
        CalibrationStore(given.db, given.calibrations.scale + 1).keep("another", 0.1, 0.05, 40)
        assert given.calibrations.get("another") is None
    told = [message for message in caplog.messages if "calibrated for the embedder another:" in message]
    assert len(told) == 1
