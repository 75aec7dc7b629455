"""Calibration: below which evidence the service abstains, and where that comes from."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from app.api.dependencies import ServicesGiven, audit
from app.api.models import Closed, Reply
from app.wiring import Services

router = APIRouter(prefix="/v1/admin/calibration", tags=["evaluations"])

Share = Annotated[float, Field(ge=0, le=1)]


class Found(Closed):
    """A threshold that refuses this share of so many questions that the documents answer."""

    abstain_below: Share
    false_refusals: Share
    answerable: Annotated[int, Field(ge=1, le=10_000_000)]


class Calibration(Reply):
    """The threshold in force: a setting that somebody made goes before a calibration, and that before the default.

    The rest tells of the calibration of the embedder that is set, if there is one, in force or not.
    """

    abstain_below: float
    source: Literal["setting", "calibration", "default"]
    calibrated: float | None
    false_refusals: float | None
    answerable: int | None
    created_at: datetime | None


@router.get("")
def show_calibration(services: ServicesGiven) -> Calibration:
    """The threshold in force."""
    return _shown(services)


@router.put("")
def keep_calibration(found: Found, request: Request, services: ServicesGiven) -> Calibration:
    """Keep a threshold for the embedder that is set; answers go by it from now on."""
    services.calibrations.keep(
        services.embedder.fingerprint, found.abstain_below, found.false_refusals, found.answerable
    )
    audit(request, "calibration.keep", f"{found.abstain_below:.4f}")
    return _shown(services)


@router.delete("", status_code=204)
def forget_calibration(request: Request, services: ServicesGiven) -> None:
    """Go by the setting or its default again."""
    services.calibrations.forget(services.embedder.fingerprint)
    audit(request, "calibration.forget", None)


def _shown(services: Services) -> Calibration:
    settings = services.settings
    found = services.calibrations.get(services.embedder.fingerprint)
    if settings.sets_threshold or found is None:
        below, source = settings.abstain_below, "setting" if settings.sets_threshold else "default"
    else:
        below, source = found.abstain_below, "calibration"
    return Calibration(
        abstain_below=below,
        source=source,
        calibrated=found.abstain_below if found else None,
        false_refusals=found.false_refusals if found else None,
        answerable=found.answerable if found else None,
        created_at=found.created_at if found else None,
    )
