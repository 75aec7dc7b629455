"""Calibration: below which evidence the service abstains, and where that comes from."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from app.api.bodies import Closed, Reply
from app.api.dependencies import ServicesGiven, audit
from app.wiring import Services
from retrieval.errors import UnknownCollection

router = APIRouter(prefix="/v1/admin/calibration", tags=["evaluations"])

Share = Annotated[float, Field(ge=0, le=1)]
Of = Annotated[str | None, Query(max_length=64, description="A collection, whose embedder is meant; else the one set.")]


class Found(Closed):
    """A threshold that refuses this share of so many questions that the documents answer."""

    abstain_below: Share
    false_refusals: Share
    answerable: Annotated[int, Field(ge=1, le=10_000_000)]


class Calibration(Reply):
    """The threshold in force: a setting that somebody made goes before a calibration, and that before the default.

    The rest tells of the embedder's calibration, if there is one, in force or not. The default was measured with the
    packaged model: for any other embedder it is a guess.
    """

    fingerprint: str
    abstain_below: float
    source: Literal["setting", "calibration", "default"]
    calibrated: float | None
    false_refusals: float | None
    answerable: int | None
    created_at: datetime | None


@router.get("")
def show_calibration(services: ServicesGiven, collection: Of = None) -> Calibration:
    """The threshold in force."""
    return _shown(services, _fingerprint(services, collection))


@router.put("")
def keep_calibration(found: Found, request: Request, services: ServicesGiven, collection: Of = None) -> Calibration:
    """Keep a threshold for an embedder; answers from collections that it has indexed go by it from now on."""
    fingerprint = _fingerprint(services, collection)
    services.calibrations.keep(fingerprint, found.abstain_below, found.false_refusals, found.answerable)
    audit(request, "calibration.keep", f"{found.abstain_below:.4f}")
    return _shown(services, fingerprint)


@router.delete("", status_code=204)
def forget_calibration(request: Request, services: ServicesGiven, collection: Of = None) -> None:
    """Go by the setting or its default again."""
    services.calibrations.forget(_fingerprint(services, collection))
    audit(request, "calibration.forget", None)


def _fingerprint(services: Services, collection: str | None) -> str:
    if collection is None:
        return services.embedder.fingerprint
    record = services.collections.by_name(collection)
    if record is None:
        raise UnknownCollection(f"there is no collection named {collection!r}")
    return record.fingerprint


def _shown(services: Services, fingerprint: str) -> Calibration:
    settings = services.settings
    found = services.calibrations.get(fingerprint)
    if settings.sets_threshold or found is None:
        below, source = settings.abstain_below, "setting" if settings.sets_threshold else "default"
    else:
        below, source = found.abstain_below, "calibration"
    return Calibration(
        fingerprint=fingerprint,
        abstain_below=below,
        source=source,
        calibrated=found.abstain_below if found else None,
        false_refusals=found.false_refusals if found else None,
        answerable=found.answerable if found else None,
        created_at=found.created_at if found else None,
    )
