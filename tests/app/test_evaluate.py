"""`openbook evaluate` from folders to tables, pages and stored summaries."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import cli
from app.client import Client
from app.evaluation.runs import Runs
from app.serve import own_service
from app.settings import Settings
from tests.app.evaluation.given import row, run_of
from tests.app.running import Running, running
from tests.ingestion.files import PdfPage, lines, pdf
from tests.parsing import let_own_services_share_it

MANY = 24
METALS = {"1": ("Gallium", "It melts at 29.8 degrees."), "2": ("Tin", "It melts at 231.9 degrees.")}
QUERIES: list[dict[str, Any]] = [
    {"_id": "q", "text": "At how many degrees does gallium melt?", "answers": ["29.8 degrees"]},
    {"_id": "r", "text": "At how many degrees does tin <melt>?", "answers": ["231.9"]},
    {"_id": "s", "text": "Who painted the ceiling?", "answerable": False},
]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "openbook.db").write_bytes(sqlite_template.read_bytes())
    for name, value in (("DATA_DIR", str(folder)), ("EMBEDDER", "hashing"), ("PARSE_PROCESSES", "1")):
        monkeypatch.setenv(f"OPENBOOK_{name}", value)
    let_own_services_share_it(monkeypatch)


@pytest.fixture
def metals(tmp_path: Path) -> Path:
    folder = tmp_path / "metals"
    folder.mkdir()
    rows = [{"_id": key, "title": title, "text": text} for key, (title, text) in METALS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\nr\t2\t1\n")
    return folder


def evaluate(*arguments: str | Path, fails: bool = False) -> str:
    result = CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])
    assert (result.exit_code != 0) == fails, result.output + repr(result.exception)
    return result.output


def cells(output: str, first: str) -> list[str]:
    """What stands beside a measure's name."""
    (line,) = [line for line in output.splitlines() if re.match(rf"│ {re.escape(first)} +│", line)]
    return [cell.strip() for cell in line.split("│")[2:-1]]


def test_a_folder_that_is_no_dataset_is_told_what_one_holds(tmp_path: Path) -> None:
    words = f"{tmp_path / 'corpus.jsonl'} is not there: a dataset is corpus.jsonl, queries.jsonl and qrels.tsv, or"
    assert words in " ".join(evaluate(tmp_path, fails=True).split())
    assert "there is nothing to ask: give a dataset, or --from-feedback" in evaluate(fails=True)


def test_a_run_tells_its_figures_and_is_kept(metals: Path, tmp_path: Path) -> None:
    output = evaluate(metals, "--json", tmp_path / "run.json")

    assert cells(output, "nDCG@10") == ["1.000 [1.000, 1.000] (2)"]
    assert cells(output, "abstention recall")[0].endswith("(1)")
    with own_service(Settings()) as client:
        (kept,) = client.get("/v1/admin/evaluations")["items"]
    (run,) = json.loads((tmp_path / "run.json").read_text())["runs"]
    assert kept["figures"] == run["summary"]["figures"]
    assert [row["kind"] for row in run["rows"]] == ["answerable", "answerable", "unanswerable"]
    assert all(0 <= row["evidence"] <= 1 for row in run["rows"])


def test_what_was_brought_in_once_is_not_brought_in_again(metals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    upload = Client.upload

    def counted(self: Client, paths: list[Path], collection: str) -> Any:
        sent.append(len(paths))
        return upload(self, paths, collection)

    monkeypatch.setattr(Client, "upload", counted)
    for _ in range(2):
        evaluate(metals)
    with (metals / "corpus.jsonl").open("a") as file:
        file.write("\n" + json.dumps({"_id": "3", "title": "Zinc", "text": "It melts at 419.5 degrees."}))
    evaluate(metals)

    assert sent == [2, 0, 3]


def test_questions_of_another_set_are_foreign(metals: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "corpus.jsonl").write_text(json.dumps({"_id": "1", "text": "x"}))
    (other / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "Who composed the ninth symphony?"}))

    output = evaluate(metals, "--foreign", other)

    assert cells(output, "foreign refused") == ["1.000 [1.000, 1.000] (1)"]


def test_two_configurations_are_compared_question_by_question(metals: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    output = evaluate(
        metals, "--compare", "terms=mode:lexical,answers:false", "none=mode:dense,answers:false", "--html", report
    )

    first, second, apart, p, questions = cells(output.partition("difference, 95 %")[2], "nDCG@10")
    assert (float(first), int(questions)) == (1.0, 2)
    assert float(second) - float(first) == pytest.approx(float(apart.split()[0]), abs=0.0011)
    assert 0 < float(p) <= 1
    assert "answer contained" not in output
    assert "none against terms" in report.read_text()


def test_times_are_told_per_stage_of_each_configuration(metals: Path, tmp_path: Path) -> None:
    output = evaluate(
        metals, "--compare", "terms=mode:lexical,answers:false", "both=rerank:false", "--json", tmp_path / "runs.json"
    )

    terms, both = (
        {each["stage"]: f"{each['p50']:.1f} / {each['p95']:.1f}" for each in run["summary"]["timings"]}
        for run in json.loads((tmp_path / "runs.json").read_text())["runs"]
    )
    assert terms.keys() >= {"search lexical", "search fuse", "search total"}
    assert both.keys() - terms.keys() >= {"answer retrieve", "answer pack", "answer total"}
    times = output.partition("milliseconds: p50 / p95")[2]
    assert {stage: cells(times, stage) for stage in both} == {
        stage: [terms.get(stage, ""), both[stage]] for stage in both
    }


def test_stored_runs_are_compared_as_well(metals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a run is named by its path, and a long one would wrap
    for name in ("a", "b"):
        evaluate(metals, "-c", name, "--json", f"{name}.json")

    output = evaluate("--compare", "a.json", "b.json")

    assert cells(output.partition("difference, 95 %")[2], "token F1")[2:4] == ["+0.000 [+0.000, +0.000]", "1.0000"]
    assert "no runs that `openbook evaluate --json` wrote" in " ".join(
        evaluate("--compare", metals / "corpus.jsonl", "b.json", fails=True).split()
    )


def test_what_changed_most_is_told_in_the_terminal_and_with_both_answers_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, found, refused in (("a", 0.5, 0.0), ("b", 1.0, 1.0)):
        rows = (
            row("same", {"nDCG@10": 1.0}),
            row("found", {"nDCG@10": found}, answer=f"<{name}>"),
            row("refused", {"false refusals": refused}),
        )
        Path(f"{name}.json").write_text(Runs(runs=[run_of(*rows, name=name)]).model_dump_json())

    output = evaluate("--compare", "a.json", "b.json", "--html", "report.html").partition("what changed most")[2]

    assert cells(output, "refused?") == ["false refusals", "-1.00"]
    assert cells(output, "found?") == ["nDCG@10", "+0.50"]
    assert output.index("refused?") < output.index("found?")
    assert "same?" not in output
    page = Path("report.html").read_text().partition("<h3>What changed most</h3>")[2]
    assert "<tr><td>found?</td><td>nDCG@10 +0.50</td><td>&lt;a&gt;</td><td>&lt;b&gt;</td></tr>" in page


class Tags(HTMLParser):
    """Which elements a page opens, and which of its attributes lead elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.led: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.led += [f"{name}={value}" for name, value in attrs if name in {"src", "href", "data", "onload"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(metals: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    evaluate(metals, "--html", report)
    tags = Tags()
    tags.feed(report.read_text())

    assert (tags.open, tags.led) == ([], [])
    assert not {"script", "link", "img", "iframe", "melt"} & set(tags.names)
    assert tags.names.count("svg") == 3
    assert "polyline" in tags.names


def test_pages_of_files_are_looked_for_and_cited(tmp_path: Path) -> None:
    folder = tmp_path / "melting"
    folder.mkdir()
    pages = [PdfPage(lines(f"{metal} melts at {heat} degrees.")) for metal, heat in (("Gallium", 30), ("Tin", 232))]
    (folder / "points.pdf").write_bytes(pdf(*pages))
    row = {"question": "When melts tin?", "doc_name": "points", "evidence": [{"evidence_page_num": 1}], "answer": "232"}
    (folder / "questions.jsonl").write_text(json.dumps(row))

    output = evaluate(folder)

    for measure in ("right document first", "evidence page in the top 1", "evidence page cited", "answer contained"):
        assert cells(output, measure) == ["1.000 [1.000, 1.000] (1)"]


def test_a_teams_own_questions_are_asked_of_its_collection(metals: Path, tmp_path: Path) -> None:
    table = tmp_path / "ours.csv"
    table.write_text("question,answer,document\nAt how many degrees does tin melt?,231.9 degrees,tin.md\n")
    (tmp_path / "tin.md").write_text("# Tin\n\nTin melts at 231.9 degrees.\n")
    CliRunner().invoke(cli, ["ingest", str(tmp_path / "tin.md"), "--collection", "ours"])

    output = evaluate(table, "--collection", "ours")

    assert cells(output, "nDCG@10") == cells(output, "answer contained") == ["1.000 [1.000, 1.000] (1)"]
    table.write_text("question,answer,document\nWhen?,,zinc.md\n")
    assert "ours holds no document zinc.md" in evaluate(table, "--collection", "ours", fails=True)
    assert "say by --collection what its questions are about" in " ".join(evaluate(table, fails=True).split())


def test_what_askers_rated_is_asked_again(tmp_path: Path) -> None:
    (tmp_path / "tin.md").write_text("# Tin\n\nTin melts at 231.9 degrees.\n")
    CliRunner().invoke(cli, ["ingest", str(tmp_path / "tin.md"), "--collection", "ours"])
    with own_service(Settings()) as client:
        answer = client.post("/v1/answers", {"question": "At how many degrees does tin melt?"})
        client.http.post(f"/v1/answers/{answer['id']}/feedback", json={"rating": 1, "comment": "right"})
        (rated,) = client.get("/v1/admin/feedback")["items"]
    assert (rated["answer"]["id"], rated["rating"], rated["comment"]) == (answer["id"], 1, "right")
    assert rated["answer"].items() >= answer.items()

    output = evaluate("--from-feedback", "--collection", "ours")

    assert cells(output, "nDCG@10") == cells(output, "right documents cited") == ["1.000 [1.000, 1.000] (1)"]
    assert "say by --collection which documents" in " ".join(evaluate("--from-feedback", fails=True).split())


def test_a_set_may_be_asked_in_the_words_of_another(metals: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    (twin / "corpus.jsonl").write_text("")
    (twin / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "镓在多少度熔化?"}, ensure_ascii=False))

    evaluate(metals, "--questions-of", twin, "--json", tmp_path / "run.json")

    (run,) = json.loads((tmp_path / "run.json").read_text())["runs"]
    assert [row["question"] for row in run["rows"]] == ["镓在多少度熔化?"]
    assert run["summary"]["dataset"] == "metals asked by twin"


@pytest.fixture
def asked(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    """A service with a document for each of many questions, in its collection `ours`."""
    folder = tmp_path / "served"
    folder.mkdir()
    with running(folder, sqlite_template, requests_per_minute=100_000) as service:
        service.services.collections.create("ours", service.services.embedder.fingerprint)
        for number in range(MANY):
            service.upload(
                f"{number}.md", f"# Alloy {number}\n\nAlloy {number} melts at {600 + number} degrees.", "ours"
            )
        service.read_all()
        yield service


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        f"At how many degrees does alloy {number} melt?,{600 + number} degrees,{number}.md" for number in range(MANY)
    ]
    path = tmp_path / "ours.csv"
    path.write_text("\n".join(["question,answer,document", *rows]) + "\n")
    return path


def at(service: Running, secret: str) -> tuple[str, ...]:
    return ("--collection", "ours", "--url", service.url, "--key", secret)


def questions_in(file: Path) -> list[str]:
    [run] = json.loads(file.read_text())["runs"]
    return [row["question"] for row in run["rows"]]


def test_halves_and_samples_of_a_set_are_always_the_same(asked: Running, table: Path, tmp_path: Path) -> None:
    def drawn(*options: str) -> list[str]:
        searched = ("-c", "searched=answers:false")
        evaluate(table, *at(asked, asked.admin_secret), *searched, *options, "--json", tmp_path / "run.json")
        return questions_in(tmp_path / "run.json")

    tune, report, some, again = (
        drawn(*options)
        for options in (
            ("--split", "tune"),
            ("--split", "report"),
            ("--limit", "5"),
            ("--limit", "5", "--split", "tune"),
        )
    )

    assert len(tune) + len(report) == len({*tune, *report}) == MANY
    assert (len(some), len(again)) == (5, 5)
    assert set(again) <= set(tune)
    assert drawn("--limit", "5") == some


def test_a_running_service_is_measured_and_keeps_an_admin_s_runs_alone(asked: Running, table: Path) -> None:
    output = evaluate(table, *at(asked, asked.admin_secret), "-c", "plain=rerank:false", "--limit", "6")
    assert cells(output, "answer contained")[0].endswith("(6)")
    evaluate(table, *at(asked, asked.new_key("reader", ("ours",))), "--limit", "6")

    with asked.client(asked.admin_secret) as client:
        [kept] = client.get("/v1/admin/evaluations").json()["items"]
    told = (kept["dataset"], kept["configuration"], kept["questions"])
    assert told == ("ours", {"name": "plain", "options": {"rerank": False}}, 6)


def test_a_threshold_is_calibrated_for_the_collection_s_embedder(asked: Running, table: Path, metals: Path) -> None:
    output = " ".join(
        evaluate(table, *at(asked, asked.admin_secret), "--calibrate", "0.1", "--foreign", metals).split()
    )

    told = re.search(
        r"Below (\S+) the service abstains: of 24 questions .* refuses (\S+), and (\S+) of the foreign", output
    )
    assert told is not None
    below, refused, foreign = map(float, told.groups())
    assert 0 < below < 1
    assert refused <= 0.1
    assert 0 <= foreign <= 1
    assert "OPENBOOK_ABSTAIN_BELOW is set, and goes before it: 0.000." in output
    with asked.client(asked.admin_secret) as client:
        found = client.get("/v1/admin/calibration", params={"collection": "ours"}).json()
    assert found["calibrated"] == pytest.approx(below, abs=0.0006)
    assert (found["false_refusals"], found["answerable"]) == (pytest.approx(refused, abs=0.0006), MANY)


def test_what_cannot_be_calibrated_says_why(asked: Running, table: Path) -> None:
    few = evaluate(table, *at(asked, asked.admin_secret), "--calibrate", "0.1", "--limit", "3", fails=True)
    two = evaluate(table, *at(asked, asked.admin_secret), "--calibrate", "0.1", "--compare", "a", "b", fails=True)

    assert "calibration needs 20 questions that the documents answer, and here are 3" in " ".join(few.split())
    assert "a threshold is calibrated for one configuration, and here are several" in " ".join(two.split())
