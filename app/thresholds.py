"""Below which evidence to abstain: each embedder's vectors have a scale of their own, and so a threshold of its own."""

import logging
from collections.abc import Set
from dataclasses import dataclass, field

from app.db.library.collections import CollectionStore
from app.db.quality.calibrations import CalibrationStore
from app.settings import Settings
from retrieval.types import Scope

_log = logging.getLogger(__name__)

_OWNER: str = Settings.model_fields["embedder"].default  # of the threshold that is the default


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Those that were calibrated, by the embedders that collections were indexed by, whichever is set now."""

    settings: Settings
    collections: CollectionStore
    calibrations: CalibrationStore
    _told: set[str] = field(default_factory=set[str])

    def calibrated(self, scope: Scope) -> float | None:
        """The highest of those of the embedders in scope; None where none was calibrated, or one is set.

        Beside others, an embedder without one counts with the default.
        """
        if self.settings.sets_threshold:
            return None
        found = {each: self.calibrations.get(each) for each in self.collections.fingerprints(scope)}
        self._tell({fingerprint for fingerprint, record in found.items() if record is None})
        if not any(found.values()):
            return None
        default = self.settings.abstain_below
        return max(default if record is None else record.abstain_below for record in found.values())

    def _tell(self, uncalibrated: Set[str]) -> None:
        """The default is the packaged model's: of any other it is a guess, which is said once."""
        for fingerprint in sorted(uncalibrated - self._told):
            self._told.add(fingerprint)
            if not fingerprint.startswith(f"{_OWNER}|"):
                _log.warning(
                    "no threshold of abstention was calibrated for the embedder %s: the packaged model's is used, %s; "
                    "`openbook evaluate DATASET --calibrate 0.05` finds its own",
                    fingerprint,
                    self.settings.abstain_below,
                )
