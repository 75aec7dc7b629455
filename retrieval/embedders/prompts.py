"""What a model wants before a query and before a document, and how a fingerprint tells it."""

from dataclasses import dataclass

_SET = "set"
_SERVED, _LOCAL = 4, 7  # parts of a fingerprint with prompts: of a model on a server, and of one on this machine


@dataclass(frozen=True, slots=True)
class Prompts:
    """Neither has the `|` that parts a fingerprint; an empty one leaves the model its own, if it has one."""

    query: str = ""
    document: str = ""

    def __bool__(self) -> bool:
        return bool(self.query or self.document)

    @property
    def of_served(self) -> str:
        """What comes behind the rest of a served model's fingerprint."""
        return f"|{self.query}|{self.document}" if self else ""

    @property
    def of_local(self) -> str:
        """The same of a model on this machine, in the place of its own."""
        return f"|{self.query}|{self.document}|{_SET}" if self else ""


NO_PROMPTS = Prompts()


def window_of(fingerprint: str) -> int:
    """The window of a served model, from its fingerprint."""
    return int(fingerprint.split("|")[1])


def prompts_of(fingerprint: str) -> Prompts:
    """Those that were set for an embedder, from its fingerprint."""
    parts = fingerprint.split("|")
    if fingerprint.startswith("openai:"):
        return Prompts(*parts[2:]) if len(parts) == _SERVED else NO_PROMPTS
    return Prompts(*parts[-3:-1]) if len(parts) >= _LOCAL and parts[-1] == _SET else NO_PROMPTS
