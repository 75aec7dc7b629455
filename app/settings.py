"""All that can be set, from `OPENBOOK_*` in the environment; units are in the names, combinations are checked here."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "OPENBOOK_"
_OF_COMMANDS = frozenset(("OPENBOOK_KEY", "OPENBOOK_PASSWORD"))
"""What commands take from the environment beside the settings."""
_DATABASES = r"^(sqlite(\+pysqlite)?|postgres|postgresql(\+psycopg)?)://"


class UnsafeAdminKey(Exception):
    """OPENBOOK_ADMIN_KEY, or the file with the admin key, does not hold a key of 256 bits."""


class Settings(BaseSettings):
    """One frozen set of settings per process; the README's table names each."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    data_dir: Path = Path("data")
    database_url: str | None = Field(default=None, pattern=_DATABASES)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    admin_key: SecretStr | None = None
    samples: bool = True
    embedded_worker: bool = True

    embedder: str = "packaged-minilm"
    embedder_url: str | None = None
    embedder_api_key: SecretStr | None = None
    embedder_window: int = Field(default=512, ge=128, le=8192)
    embedder_query_prompt: str = Field(default="", max_length=96, pattern=r"^[^|]*$")
    embedder_document_prompt: str = Field(default="", max_length=96, pattern=r"^[^|]*$")
    vector_device: Literal["cpu", "gpu"] = "cpu"
    lexical_index: Literal["tantivy", "rank_bm25"] = "tantivy"
    reranker: str = Field(default="sentence", pattern=r"^(sentence|none|cross-encoder:.+|http:.+)$")
    reranker_url: str | None = Field(default=None, pattern=r"^https?://.+")
    reranker_api_key: SecretStr | None = None
    blob_store: Literal["filesystem", "s3"] = "filesystem"
    s3_bucket: str | None = None
    s3_endpoint_url: str | None = None

    generator_url: str | None = None
    generator_model: str | None = None
    generator_api_key: SecretStr | None = None
    generator_timeout_seconds: float = Field(default=60.0, gt=0)
    generator_connections: int = Field(default=64, ge=1, le=1024)
    questions_per_chunk: int = Field(default=0, ge=0, le=10)

    upload_max_mebibytes: int = Field(default=100, ge=1, le=4096)
    upload_max_files: int = Field(default=1000, ge=1, le=10_000)
    queue_max_jobs: int = Field(default=10_000, ge=1)
    queue_max_mebibytes: int = Field(default=16_384, ge=1)
    job_lease_seconds: float = Field(default=60.0, gt=0)
    job_max_attempts: int = Field(default=3, ge=1, le=20)
    keep_versions: int = Field(default=10, ge=1, le=1000)
    parse_processes: int = Field(default=2, ge=1, le=64)
    parse_timeout_seconds: float = Field(default=120.0, gt=0)
    parse_memory_mebibytes: int = Field(default=1024, ge=128)
    ocr_languages: str = Field(default="", max_length=100, pattern=r"^([A-Za-z_]+(\+[A-Za-z_]+)*)?$")

    search_candidates: int = Field(default=50, ge=10, le=1000)
    search_wait_seconds: float = Field(default=2.0, ge=0)
    context_tokens: int = Field(default=2048, ge=128, le=131_072)
    abstain_below: float = Field(default=0.45, ge=0, le=1)
    unsupported: Literal["mark", "remove"] = "mark"
    index_idle_seconds: float = Field(default=3600.0, gt=0)

    trusted_proxies: str = ""
    requests_per_minute: int = Field(default=600, ge=1)
    session_hours: float = Field(default=168.0, gt=0)
    header_seconds: float = Field(default=10.0, gt=0)
    stall_seconds: float = Field(default=30.0, gt=0)
    shutdown_seconds: float = Field(default=15.0, gt=0)
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database: as set, else SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'openbook.db'}"

    @property
    def sets_threshold(self) -> bool:
        """Whether the threshold of abstention was set by somebody: then no calibration goes before it."""
        return "abstain_below" in self.model_fields_set

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.blob_store == "s3" and not self.s3_bucket:
            raise ValueError("OPENBOOK_BLOB_STORE=s3 needs OPENBOOK_S3_BUCKET")
        if self.embedder.startswith("openai:") and not self.embedder_url:
            raise ValueError("OPENBOOK_EMBEDDER=openai:MODEL needs OPENBOOK_EMBEDDER_URL")
        if self.embedder.startswith("hashing") and (self.embedder_query_prompt or self.embedder_document_prompt):
            raise ValueError(
                "OPENBOOK_EMBEDDER=hashing reads no prompts: unset OPENBOOK_EMBEDDER_QUERY_PROMPT and _DOCUMENT_PROMPT"
            )
        if self.reranker.startswith("http:") and not self.reranker_url:
            raise ValueError("OPENBOOK_RERANKER=http:MODEL needs OPENBOOK_RERANKER_URL")
        if self.generator_url and not self.generator_model:
            raise ValueError("OPENBOOK_GENERATOR_URL needs OPENBOOK_GENERATOR_MODEL")
        if self.questions_per_chunk and not self.generator_url:
            raise ValueError("OPENBOOK_QUESTIONS_PER_CHUNK needs a language model: set OPENBOOK_GENERATOR_URL")
        return self


def misnamed(environment: Iterable[str]) -> list[str]:
    """In words, each name in the environment that looks like a setting and is none."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields} | _OF_COMMANDS
    unknown = sorted(name for name in environment if name.upper().startswith(_PREFIX) and name.upper() not in known)
    return [f"{name} is no setting, and changes nothing{_resembling(name, known)}" for name in unknown]


def _resembling(name: str, known: Iterable[str]) -> str:
    alike = get_close_matches(name.upper(), list(known), 1)
    return f": do you mean {alike[0]}?" if alike else ""
