"""What can go wrong in the database.

DatabaseError
├── Conflict               the name is taken, or the row is not in a state that allows this
├── InvalidCursor          a page's cursor that no page gave
├── InvalidValue           a value that the database cannot hold, such as a NUL character in PostgreSQL
├── UnknownKey             no such key
├── UnknownConversation    no such conversation, or not yours
├── UnknownAnswer          no such answer, or not yours
├── UnknownJob             no such job, or not yours
├── UnknownReindex         the collection is not being re-indexed
├── SchemaTooNew           the database was migrated by a newer Openbook
└── DatabaseUnavailable    the database is away, locked or too slow (transient)
    └── StorageFull        its disk is full
"""

from ingestion.errors import Outage


class DatabaseError(Exception):
    """Base of all errors that the stores raise on their own behalf."""


class Conflict(DatabaseError):
    """The name is taken, or the row is not in a state that allows this."""


class InvalidCursor(DatabaseError):
    """The cursor is not one that a page gave."""


class InvalidValue(DatabaseError):
    """The database cannot hold the value: a NUL character, or a number past its range."""


class UnknownKey(DatabaseError):
    """No such key."""


class UnknownConversation(DatabaseError):
    """No such conversation, or another asker's."""


class UnknownAnswer(DatabaseError):
    """No such answer, or another asker's."""


class UnknownEvaluation(DatabaseError):
    """No such evaluation."""


class UnknownJob(DatabaseError):
    """No such job, or none that the asker may see."""


class UnknownReindex(DatabaseError):
    """The collection is not being re-indexed."""


class SchemaTooNew(DatabaseError):
    """A newer Openbook migrated this database; the message names its revision."""


class DatabaseUnavailable(DatabaseError, Outage):
    """The database is away, locked or too slow; try again."""

    code = "database_unavailable"


class StorageFull(DatabaseUnavailable):
    """The database's disk is full; nothing was written, and reading still works."""

    code = "storage_full"
