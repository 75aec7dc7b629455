"""What can go wrong in generation.

GenerationError
├── GeneratorUnavailable   the model server is down, slow, refuses, sends garbage or stops midway (transient)
├── UnknownGenerator       no generator of that name
└── UnknownModel           nothing that can be read as a decoder's configuration
"""


class GenerationError(Exception):
    """Base of all errors that generation raises."""


class GeneratorUnavailable(GenerationError):
    """The model server is down, slow, refuses, sends garbage or stops midway; extracts can still be given."""


class UnknownGenerator(GenerationError):
    """No generator of that name; the message lists those there are."""


class UnknownModel(GenerationError):
    """Nothing that can be read as a decoder's configuration; the message says what was looked at and why."""
