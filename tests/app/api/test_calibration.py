from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.db.calibrations import CalibrationStore
from tests.app.library import services

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


def test_answers_go_by_the_calibration_of_the_embedder_that_is_set(tmp_path: Path) -> None:
    with services(tmp_path) as given:
        assert given.answerer.calibrated() is None
        given.calibrations.keep(given.embedder.fingerprint, 0.6, 0.05, 40)
        assert given.answerer.calibrated() == 0.6
        CalibrationStore(given.db, given.calibrations.scale + 1).keep("another", 0.1, 0.05, 40)
        assert given.calibrations.get("another") is None
