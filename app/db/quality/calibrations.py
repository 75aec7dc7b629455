"""Calibrations: the threshold of abstention that was found for an embedder."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.sql import insert_all
from app.db.types import CalibrationRecord


@dataclass(frozen=True, slots=True)
class CalibrationStore:
    """One per embedder, the last; what was found on another scale of evidence is as good as gone."""

    db: Database
    scale: int
    clock: Clock = utc_now

    def get(self, fingerprint: str) -> CalibrationRecord | None:
        statement = select(tables.Calibration).where(
            tables.Calibration.fingerprint == fingerprint, tables.Calibration.scale == self.scale
        )
        with self.db.read() as session:
            row = session.scalars(statement).one_or_none()
            if row is None:
                return None
            return CalibrationRecord(row.abstain_below, row.false_refusals, row.answerable, row.created_at)

    def keep(self, fingerprint: str, abstain_below: float, false_refusals: float, answerable: int) -> CalibrationRecord:
        """Take the place of the embedder's last one."""
        record = CalibrationRecord(abstain_below, false_refusals, answerable, self.clock())
        row = {
            "fingerprint": fingerprint,
            "scale": self.scale,
            "abstain_below": abstain_below,
            "false_refusals": false_refusals,
            "answerable": answerable,
            "created_at": record.created_at,
        }
        with self.db.write() as session:
            session.execute(delete(tables.Calibration).where(tables.Calibration.fingerprint == fingerprint))
            insert_all(session, tables.Calibration, [row])
        return record

    def forget(self, fingerprint: str) -> None:
        """The setting decides again."""
        with self.db.write() as session:
            session.execute(delete(tables.Calibration).where(tables.Calibration.fingerprint == fingerprint))
