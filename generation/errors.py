"""What can go wrong in generation.

GenerationError
├── GeneratorUnavailable   the model server is down, slow, refuses, sends garbage or stops midway (transient)
│   ├── InvalidOutput      it answered, but not in the form that was asked for
│   └── UnknownAdapter     the model server has not loaded what a collection asks for
├── UnknownGenerator       no generator of that name
├── GeneratorNeeded        what was asked for takes a language model, and there is none
├── InvalidSchema          a JSON schema that is none, or not one that values may be held to
└── UnknownModel           nothing that can be read as a decoder's configuration
"""


class GenerationError(Exception):
    """Base of all errors that generation raises."""


class GeneratorUnavailable(GenerationError):
    """The model server is down, slow, refuses, sends garbage or stops midway; extracts can still be given."""


class InvalidOutput(GeneratorUnavailable):
    """The model answered, but not in the form that was asked for."""


class UnknownAdapter(GeneratorUnavailable):
    """The model server has not loaded an adapter of that name; the message lists those that it has."""


class GeneratorNeeded(GenerationError):
    """What was asked for takes a language model; the message says how to get one."""


class InvalidSchema(GenerationError):
    """A JSON schema that is none, or not one that values may be held to; the message names the place."""


class UnknownGenerator(GenerationError):
    """No generator of that name; the message lists those there are."""


class UnknownModel(GenerationError):
    """Nothing that can be read as a decoder's configuration; the message says what was looked at and why."""
