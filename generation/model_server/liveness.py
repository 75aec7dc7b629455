"""What the calls to one model server learn from each other: whether it lives, works or hangs.

Silence is the server's and not a call's. Words to one asker tell the others that they wait for their turn; a call that
waited in vain spares those that follow at once, as an answer follows its rewriting, from waiting again.
"""

import math
from dataclasses import dataclass

_REMEMBERED_SECONDS = 5.0  # longer than a search, which stands between two calls of an answer
_TELLING_SECONDS = 2.0  # an asker who leaves sooner has shown nothing


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until each step must be done: `queue` for a place among those who ask.

    `silence`: for a response's head, and then for a word, as long as the server says none to anybody; `first_token` and
    `between_tokens` for a word in any case.
    """

    first_token: float
    between_tokens: float
    whole: float
    queue: float = 2.0
    silence: float = 60.0

    @property
    def until_given_up(self) -> float:
        """How long a server may be silent that has nothing else to do."""
        return min(self.silence, self.first_token)


def timeouts_within(whole: float) -> Timeouts:
    """Steps in proportion to the whole: nobody waits a minute to learn that a server hangs."""
    return Timeouts(
        first_token=whole / 4,
        between_tokens=whole / 4,
        whole=whole,
        queue=whole / 6,
        silence=whole / 24,
    )


class Liveness:
    """One for all calls of a server. Every moment is one of the same clock, in seconds."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._heard = -math.inf
        self._silent_from = self._silent_until = -math.inf

    def heard(self, now: float) -> None:
        """The server said a word of an answer."""
        self._heard = now
        self._silent_from = self._silent_until = -math.inf

    def given_up(self, began: float, now: float) -> None:
        """A call ended in which nothing came; one that ended early tells nothing."""
        if self._heard < began and now - began >= min(_TELLING_SECONDS, self._timeouts.until_given_up):
            self._silent_from, self._silent_until = began, now

    def is_silent(self, now: float) -> bool:
        """Whether a call waited in vain just now, if only a little: what can be done without is."""
        return now - self._silent_until <= _REMEMBERED_SECONDS

    def is_mute(self, now: float) -> bool:
        """Whether it waited as long as any would: nothing need go out."""
        return self.is_silent(now) and self._silent_until - self._silent_from >= self._timeouts.until_given_up

    def due(self, last: float, most: float) -> float:
        """When the next word must be there, `last` being that of the one before or of the call's beginning."""
        return min(last + most, max(last, self._heard) + self._timeouts.silence)
