"""Evaluations: what finished runs found, kept so that an admin sees how quality goes."""

from datetime import datetime

from fastapi import APIRouter, Request

from app.api.bodies import Cursor, Id, Limit, Page, Reply, page
from app.api.dependencies import ServicesGiven, audit
from app.db.types import EvaluationRecord
from app.evaluation.summary import Configuration, Figure, Summary

router = APIRouter(prefix="/v1/admin/evaluations", tags=["evaluations"])


class Headline(Reply):
    """A run as a list shows it."""

    id: str
    created_at: datetime
    dataset: str
    configuration: Configuration
    questions: int
    figures: list[Figure]


class Evaluation(Summary):
    """A whole run as it was given, with its id."""

    id: str
    created_at: datetime


@router.post("", status_code=201)
def keep_evaluation(summary: Summary, request: Request, services: ServicesGiven) -> Evaluation:
    """Keep the summary of a finished run; the oldest beyond five hundred goes."""
    record = services.evaluations.add(summary.model_dump(mode="json"))
    audit(request, "evaluation.create", record.id)
    return _shown(record)


@router.get("")
def list_evaluations(services: ServicesGiven, limit: Limit = 50, cursor: Cursor = None) -> Page[Headline]:
    """The runs, newest first."""
    return page(services.evaluations.page(limit, cursor), _headline)


@router.get("/{id}")
def show_evaluation(id: Id, services: ServicesGiven) -> Evaluation:
    """One run with its curve, its times and what fared worst."""
    return _shown(services.evaluations.get(id))


def _shown(record: EvaluationRecord) -> Evaluation:
    return Evaluation(id=record.id, created_at=record.created_at, **record.summary)


def _headline(record: EvaluationRecord) -> Headline:
    whole = _shown(record)
    return Headline(**whole.model_dump(include=set(Headline.model_fields)))
