"""What the calls to one model server learn from each other: whether it lives, works or hangs.

Silence is the server's and not a call's. Words to one asker tell the others that they wait for their turn; a call that
was given up in silence spares those that follow at once, as an answer follows its rewriting, from waiting as long.
"""

import math
from dataclasses import dataclass

_REMEMBERED_SECONDS = 5.0  # longer than a search, which stands between two calls of an answer


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until each step must be done: `queue` for a place among those who ask, `head` for the response's head.

    `silence`: for a word, as long as the server says none to anybody; `first_token` and `between_tokens` in any case.
    """

    connect: float
    first_token: float
    between_tokens: float
    whole: float
    queue: float = 2.0
    head: float = 60.0
    silence: float = 60.0

    @property
    def until_head(self) -> float:
        return min(self.head, self.first_token)


def timeouts_within(whole: float) -> Timeouts:
    """Steps in proportion to the whole: nobody waits a minute to learn that a server hangs.

    vLLM sends the head of a response before the model has begun, so a late one tells of a server that is stuck, and
    not of a queue or of a slow model. Between head and first word it reads the prompt: twice as long may be silent.
    """
    return Timeouts(
        connect=min(2.0, whole / 4),
        first_token=whole / 4,
        between_tokens=whole / 4,
        whole=whole,
        queue=whole / 6,
        head=whole / 24,
        silence=whole / 12,
    )


@dataclass(frozen=True, slots=True)
class _Silence:
    """From when to when calls waited in vain, and whether they had at least the head of a response."""

    since: float
    until: float
    had_head: bool


class Liveness:
    """One for all calls of a server. Every moment is one of the same clock, in seconds."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._heard = -math.inf
        self._silence: _Silence | None = None

    def heard(self, now: float) -> None:
        """The server said a word of an answer."""
        self._heard = now
        self._silence = None

    def accepted(self) -> None:
        """The head of a response has come: the server is there, if its model is or not."""
        if self._silence is not None and not self._silence.had_head:
            self._silence = None

    def given_up(self, began: float, now: float, *, had_head: bool) -> None:
        """A call ended in which nothing came; one that ended early tells nothing."""
        patience = min(self._timeouts.connect, self._timeouts.until_head)
        if self._heard >= began or now - began < patience:
            return
        before = self._recent(now)
        self._silence = _Silence(min(began, before.since) if before else began, now, had_head)

    def is_mute(self, now: float) -> bool:
        """Whether a call waited in vain for a head just now: another need not go out."""
        recent = self._recent(now)
        return recent is not None and not recent.had_head

    def is_silent(self, now: float) -> bool:
        """Whether a call waited in vain just now, if only for its first word: what can be done without is."""
        return self._recent(now) is not None

    def first_word_within(self, began: float) -> float:
        """Seconds of silence that a call which begins now may meet before its first word.

        The rest of what a silence before has left, but never less than a head may take.
        """
        recent = self._recent(began)
        if recent is None:
            return self._timeouts.silence
        return max(recent.since + self._timeouts.silence - began, min(self._timeouts.head, self._timeouts.silence))

    def due(self, last: float, most: float, silence: float) -> float:
        """When the next word must be there, `last` being that of the one before or of the call's beginning."""
        waits_for_turn = self._heard > last
        return min(last + most, self._heard + self._timeouts.silence if waits_for_turn else last + silence)

    def _recent(self, now: float) -> _Silence | None:
        silence = self._silence
        return silence if silence is not None and now - silence.until <= _REMEMBERED_SECONDS else None
