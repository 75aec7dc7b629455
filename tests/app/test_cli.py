"""The command line does its work with a service of its own, or with the one that holds the data folder."""

import json
import threading
from contextlib import AbstractContextManager
from importlib import import_module
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfWriter
from typer.main import get_group
from typer.testing import CliRunner

from app.cli.main import cli
from app.client import Client, client_of
from app.data_folder import hold
from app.db.database import Database
from app.db.queue.jobs import JobStore
from app.serve import own_service
from app.settings import Settings
from ingestion.pipeline import Pipeline
from tests.ingestion.files import PdfPage, lines, pdf, picture
from tests.stubs.vllm import Script, VllmStub


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "openbook.db").write_bytes(sqlite_template.read_bytes())
    for name, value in (
        ("DATA_DIR", str(folder)),
        ("EMBEDDER", "hashing"),
        ("PARSE_PROCESSES", "1"),
        ("ABSTAIN_BELOW", "0"),
    ):
        monkeypatch.setenv(f"OPENBOOK_{name}", value)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "deep").mkdir(parents=True)
    (folder / "gallium.md").write_text("# Gallium\n\nGallium melts at 29.8 degrees Celsius.\n")
    (folder / "deep" / "tin.txt").write_text("Tin melts at 231.9 degrees Celsius.\n")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "~$tin.docx").write_bytes(b"\x03Ann has it open.")
    return folder


def run(*arguments: str, fails: bool = False) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    assert (result.exit_code != 0) == fails, result.output + repr(result.exception)
    return result.output


def test_a_folder_is_ingested_and_answers_with_citations(library: Path) -> None:
    assert "2 of 2 files are ready" in run("ingest", str(library))

    answer = run("ask", "At how many degrees does gallium melt?")
    assert "29.8 degrees Celsius. [1]" in answer
    assert "gallium.md" in answer
    assert "231.9" in run("search", "tin melts", "-k", "1", "--mode", "lexical")


def test_a_sentence_that_its_source_does_not_bear_out_is_named(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("ingest", str(library))
    with VllmStub(Script(tokens=("Gallium melts at 92.8 degrees Celsius [1]. ", "Gallium melts [1]."))) as model:
        monkeypatch.setenv("OPENBOOK_GENERATOR_URL", model.base_url)
        monkeypatch.setenv("OPENBOOK_GENERATOR_MODEL", "stub-model")
        answer = run("ask", "At how many degrees does gallium melt?")

    assert "not in its source (number): “Gallium melts at 92.8 degrees Celsius [1].”" in answer
    assert answer.count("not in its source") == 1


def test_ingesting_again_adds_nothing(library: Path) -> None:
    run("ingest", str(library))
    run("ingest", str(library))

    with own_service(Settings()) as client:
        assert len(list(client.listed("/v1/documents", collection="default"))) == 2


def test_a_watched_folder_a_collection_and_everything_go_from_one_place_to_another(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.watching.folder.SETTLE_SECONDS", -1.0)
    assert "added deep/tin.txt" in run("watch", str(library), "--once", "-c", "metals")
    assert "added" not in run("watch", str(library), "--once", "-c", "metals")
    run("export", "metals", str(tmp_path / "metals.tar"))
    taken = run("import", str(tmp_path / "metals.tar"), "-c", "copy")
    assert "2 documents were added to the collection “copy”; 0 were there already" in taken
    assert "4 originals" in run("backup", str(tmp_path / "all.tar"))

    assert "Whole: 4 originals" in run("restore", "--check", str(tmp_path / "all.tar"))
    assert "the database is not empty" in run("restore", str(tmp_path / "all.tar"), fails=True)
    monkeypatch.setenv("OPENBOOK_DATA_DIR", str(tmp_path / "new"))
    assert "4 originals" in run("restore", str(tmp_path / "all.tar"))
    assert "gallium.md" in run("search", "gallium", "-c", "copy")
    assert "is a backup, and a collection is needed" in run("import", str(tmp_path / "all.tar"), fails=True)


def test_a_file_that_is_refused_is_named_with_the_reason(library: Path) -> None:
    bad = library / "wrong.pdf"
    bad.write_text("<html><body>not a pdf</body></html>")

    output = run("ingest", str(library), fails=True)

    assert "wrong.pdf" in output
    assert "2 of 3 files are ready" in output


def test_what_was_not_read_of_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.watching.folder.SETTLE_SECONDS", -1.0)
    (tmp_path / "half").mkdir()
    pages = PdfPage(lines("Gallium melts at 29.8 degrees Celsius.")), PdfPage(drawing=picture(0, 0, 612, 792))
    (tmp_path / "half" / "half.pdf").write_bytes(pdf(*pages))
    told = "half.pdf: 1 of 2 pages (2) is an image without text and was not read"

    output = " ".join(run("ingest", str(tmp_path / "half")).split())
    assert "1 of 1 files are ready" in output
    assert told in output
    assert told in run("watch", str(tmp_path / "half"), "--once", "-c", "watched")


def test_an_encrypted_file_is_ingested_with_its_password(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=BytesIO(pdf(PdfPage(lines("Gallium melts at 29.8 degrees Celsius.")))))
    writer.encrypt("sesame", algorithm="AES-256")
    writer.write(tmp_path / "locked.pdf")

    assert "give its password" in run("ingest", str(tmp_path / "locked.pdf"), fails=True)
    assert "1 of 1 files are ready" in run("ingest", str(tmp_path / "locked.pdf"), "--password", "sesame")


def test_nothing_to_ingest_says_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert ".pdf" in run("ingest", str(tmp_path / "empty"), fails=True)


def test_keys_are_made_listed_and_revoked() -> None:
    secret = run("keys", "create", "laptop", "--role", "reader").strip()
    assert secret.startswith("ob_")

    listed = run("keys", "list")
    assert "laptop" in listed
    assert secret not in listed
    (key_id,) = [word for line in listed.splitlines() if "laptop" in line for word in line.split() if "key_" in word]
    run("keys", "revoke", key_id)
    assert "laptop" not in run("keys", "list")


def test_a_model_is_planned_for_with_its_flags(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config.write_text(json.dumps({"model_type": "llama", "vocab_size": 1000, "num_key_value_heads": 2, **shape}))
    output = " ".join(run("models", "plan", str(config), "--gpu-memory", "24GiB", "--context", "4096").split())
    assert "LlamaForCausalLM, GQA" in output
    assert f"{2 * 64 * 1000 + 2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128 + 2 * 64) + 64:,}" in output
    assert "bf16 vllm serve MODEL --max-model-len 4096 --max-num-seqs 256" in output
    assert "int4 vllm serve QUANTISED_MODEL --max-model-len 4096" in output
    assert "QUANTISED_MODEL is a checkpoint of the model with weights of four bits" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere/at-all/config.json",), "nowhere/at-all/config.json: expected a config.json"),
        (("config.json", "--gpu-memory", "much"), "--gpu-memory much: expected a size like 24GiB"),
    ],
)
def test_a_plan_that_cannot_be_made_says_what_is_expected(arguments: tuple[str, ...], words: str) -> None:
    assert words in " ".join(run("models", "plan", *arguments, fails=True).split())


@pytest.mark.parametrize("command", [("ask", "x"), ("search", "x"), ("keys", "list")])
def test_every_command_names_a_service_that_does_not_answer(command: tuple[str, ...]) -> None:
    assert "http://127.0.0.1:9 does not answer" in run(*command, "--url", "http://127.0.0.1:9", fails=True)


def test_a_service_elsewhere_is_never_sent_our_own_admin_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "admin.key").write_text("ob_" + "a" * 49)
    sent: list[str | None] = []

    def noted(url: str, secret: str | None) -> AbstractContextManager[Client]:
        sent.append(secret)
        return client_of(url, secret)

    monkeypatch.setattr("app.cli.terminal.client_of", noted)

    run("search", "x", "--url", "http://127.0.0.1:9", fails=True)
    run("search", "x", "--url", "http://127.0.0.1:9", "--key", "ob_theirs", fails=True)

    assert sent == [None, "ob_theirs"]


def test_a_file_that_is_refused_alone_keeps_no_other_out(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client._BATCH_FILES", 1)
    (library / "a wrong.pdf").write_text("<html><body>not a pdf</body></html>")

    output = run("ingest", str(library), fails=True)

    assert "a wrong.pdf" in output
    assert "2 of 3 files are ready" in output


def test_a_name_in_brackets_is_shown_as_it_is(library: Path) -> None:
    (library / "gallium.md").rename(library / "[bold]gallium.md")
    run("ingest", str(library))

    assert "[bold]gallium.md" in run("search", "gallium", "-k", "1", "--mode", "lexical")
    assert "[bold]gallium.md" in run("ask", "At how many degrees does gallium melt?")


def test_a_database_that_cannot_be_had_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_DATABASE_URL", "postgresql://postgres@127.0.0.1:1/none")

    assert "the database does not answer" in run("migrate", fails=True)


def test_commands_speak_to_the_service_that_holds_the_folder(tmp_path: Path) -> None:
    with hold(tmp_path / "data", "http://127.0.0.1:9"):
        assert "http://127.0.0.1:9 does not answer" in run("search", "x", fails=True)


def test_settings_that_do_not_hold_together_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_BLOB_STORE", "s3")

    assert "OPENBOOK_S3_BUCKET" in run("search", "x", fails=True)


def test_after_another_embedder_was_set_the_old_one_goes_on_answering(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ingest", str(library))
    before = run("ask", "When does gallium melt?")
    monkeypatch.setenv("OPENBOOK_EMBEDDER", "hashing:64")

    assert run("ask", "When does gallium melt?") == before
    assert "degraded" not in before


def test_reindex_gives_what_is_out_of_date_the_embedder_that_is_set(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ingest", str(library))
    before = run("ask", "When does gallium melt?")
    assert run("reindex") == "Every collection is up to date.\n"
    monkeypatch.setenv("OPENBOOK_EMBEDDER", "hashing:64")

    assert "“default” answers from its new index." in run("reindex")

    assert run("reindex") == "Every collection is up to date.\n"
    assert run("ask", "When does gallium melt?") == before
    assert "not being re-indexed" in run("reindex", "default", "--cancel", fails=True)


def test_an_embedder_that_is_nowhere_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENBOOK_EMBEDDER", str(tmp_path))

    assert f"embedding model '{tmp_path}'" in run("ask", "x", fails=True).replace("\n", "")


def test_a_command_finds_the_service_of_another_command(library: Path) -> None:
    with own_service(Settings()):
        assert "2 of 2 files are ready" in run("ingest", str(library))


def test_a_command_that_ends_gives_back_what_its_worker_had_begun(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def advance(*_: object) -> bool:
        begun.set()
        return True

    monkeypatch.setattr(Pipeline, "advance", advance)
    settings = Settings()

    with own_service(settings) as client:
        list(client.upload([library / "gallium.md"], "default"))
        assert begun.wait(20)

    database = Database(settings.database)
    assert JobStore(database).depth()["running"] == 0
    database.dispose()


def test_a_setting_that_cannot_work_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_DATABASE_URL", "mysql://user:secret@host/name")
    monkeypatch.setenv("OPENBOOK_PORT", "eighty")
    result = CliRunner().invoke(cli, ["migrate"])
    assert result.exit_code == 1
    assert "OPENBOOK_DATABASE_URL: " in result.output
    assert "OPENBOOK_PORT: " in result.output
    assert "secret" not in result.output


def test_a_name_that_is_no_setting_is_told_of_with_the_one_that_it_resembles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_KEEP_VERSION", "3")
    monkeypatch.setenv("OPENBOOK_KEY", "ob_x")
    told = " ".join(CliRunner().invoke(cli, ["migrate"]).output.split())
    assert told.startswith("OPENBOOK_KEEP_VERSION is no setting")
    assert "do you mean OPENBOOK_KEEP_VERSIONS?" in told
    assert "OPENBOOK_KEY" not in told


def test_every_command_of_every_file_is_listed_and_a_misspelt_one_is_answered_with_the_nearest() -> None:
    told = " ".join(run(*group, "--help") for group in ([], ["keys"], ["models"], ["tune"]))
    modules = (import_module(f"app.cli.{path.stem}") for path in Path("app/cli").glob("[!_]*.py"))
    groups = [get_group(module.commands) for module in modules if hasattr(module, "commands")]
    listed = {line.split()[1] for line in told.splitlines() if line.startswith("│ ") and len(line.split()) > 1}
    assert {name for group in groups for name in group.commands} <= listed
    assert "Did you mean 'ask'" in run("aks", fails=True)


def test_a_port_that_there_is_not_is_refused() -> None:
    result = CliRunner().invoke(cli, ["serve", "--port", "99999"])
    assert (result.exit_code, "65535" in result.output) == (2, True)
