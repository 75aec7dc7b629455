"""What holds for the tree as a whole: the docs tell of all that is there, and the rules of the house are kept."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import pytest

from app.http.gate import RULES
from app.settings import Settings

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "generation", "ingestion", "migrations", "retrieval")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SAMPLES = ROOT / "app" / "samples"

MODELS = ("retrieval/embedders/*", "retrieval/rerankers/*", "retrieval/tuning/*")
LIBRARIES = {
    "faiss": ["retrieval/vector_indexes/faiss.py"],
    "tantivy": ["retrieval/lexical_indexes/tantivy.py"],
    "rank_bm25": ["retrieval/lexical_indexes/rank_bm25.py"],
    "pymilvus": ["retrieval/*_indexes/milvus.py"],
    "torch": [*MODELS, "generation/planning/decoder_config.py"],
    "transformers": [*MODELS, "generation/planning/decoder_config.py"],
    "sentence_transformers": [*MODELS],
    "peft": ["retrieval/tuning/*"],
    "datasets": ["retrieval/tuning/*"],
    "boto3": ["ingestion/blob_stores/s3.py"],
    "pypdfium2": ["ingestion/*", "app/api/originals.py"],
    "typer": ["app/cli/*"],
    "mcp": ["app/api/tools.py"],
    "mcp_types": ["app/api/tools.py"],
}
"""Where a library may be imported; nowhere else."""

BACKENDS = (
    "ingestion.blob_stores",
    "retrieval.embedders",
    "retrieval.vector_indexes",
    "retrieval.lexical_indexes",
    "retrieval.rerankers",
    "generation.generators",
)
NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
NEVER_CALLED = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.load",
    "torch.load",
    "faiss.read_index",
}
NEVER_GIVEN = {"shell", "allow_pickle", "trust_remote_code"}
NOT_OUR_WORDS = re.compile(r"Manager|Helper|Handler|Processor|Engine|Util|Info$|Item$|Obj$")
USED_WITHOUT_IMPORT = {
    "psycopg",  # SQLAlchemy loads it by the database's address
    "python-multipart",  # FastAPI reads forms with it
    "torch",  # named for its version; sentence-transformers brings it
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def packages_in_lock(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ \\;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def canonical(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


# README and docs


def test_the_readme_names_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `OPENBOOK_(\w+)` \| ([^|]+) \|", README, re.MULTILINE)
    assert [name.lower() for name, _ in rows] == list(Settings.model_fields)
    for name, told in rows:
        default = Settings.model_fields[name.lower()].default
        if isinstance(default, bool):
            assert told == f"`{str(default).lower()}`", name
        elif isinstance(default, int | float):
            assert float(told.strip("`")) == default, name
        elif default:
            assert told == f"`{default}`", name


def test_every_path_in_the_readmes_tree_exists_and_no_folder_is_left_out() -> None:
    named = set(tree_paths())
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    folders = {relative(path.parent) for path in SOURCES if path.name != "__init__.py"}
    assert sorted(folders - {path.rstrip("/") for path in named} - {"migrations/versions"}) == []


def tree_paths() -> Iterator[str]:
    """Paths that start a line of the tree, by their indentation, two spaces a folder."""
    (tree,) = re.findall(r"### The tree\n\n```\n(.*?)```", README, re.DOTALL)
    above: list[str] = []
    for line in tree.splitlines():
        if match := re.match(r"^((?:  ){0,2})([\w.]+/?) ", line):
            depth = len(match[1]) // 2
            above = [*above[:depth], match[2]]
            yield "".join(above)


def test_every_backend_is_in_the_readmes_tree() -> None:
    backends = {name for name in imported(ROOT / "app" / "backends.py") if name.rpartition(".")[0] in BACKENDS}
    assert len(backends) > len(BACKENDS)
    assert [name for name in sorted(backends) if not re.search(rf"\b{name.rpartition('.')[2]}\b", README)] == []


def test_every_route_is_in_the_docs() -> None:
    routes = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told: set[tuple[str, str]] = set()
    for cell in re.findall(r"^\| (`(?:GET|POST|PUT|PATCH|DELETE)\b[^|]+) \|", routes, re.MULTILINE):
        methods: list[str] = []
        for method, path in re.findall(r"`([A-Z]+)(?: (/[^`]+))?`", cell):
            methods.append(method)  # `GET`, `POST /v1/...`: several methods of one path
            if path:
                told |= {(each, path) for each in methods}
                methods = []
    of_the_page = re.compile(r"/$|/static/|/login/")
    assert told == {(rule.method, rule.path) for rule in RULES if not of_the_page.match(rule.path)}


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_every_link_in_the_docs_leads_somewhere(page: Path) -> None:
    for address, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        target = page.parent / address if address else page
        assert target.exists(), address
        assert not anchor or anchor in anchors(target), f"{address}#{anchor}"


def anchors(page: Path) -> set[str]:
    """What a link may add to the page's address, as GitHub makes it of a heading."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {anchor(heading) for heading in headings}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_readme_leads_to_every_page_of_the_docs() -> None:
    assert [page.name for page in DOCS if page.parent.name == "docs" and f"docs/{page.name}" not in README] == []


def test_the_figures_in_brief_stand_in_the_tables_that_they_are_from() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    sections = {anchor(part.partition("\n")[0]): part for part in re.split(r"^## ", text, flags=re.MULTILINE)}
    rows = re.findall(r"^\|[^|]*\|[^|]*\| ([^|]+) \|.*\(#([^)]+)\) \|$", sections["in-brief"], re.MULTILINE)
    assert len(rows) > 20
    for figures, section in rows:
        assert [each for each in re.findall(r"\d*\.\d+", figures) if each not in sections[section]] == [], section


# Who may import whom (import-linter checks the layers; this, the libraries and the backends)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_stays_in_its_own_corner(library: str) -> None:
    users = [relative(path) for path in SOURCES if library in {name.split(".")[0] for name in imported(path)}]
    assert [user for user in users if not any(fnmatch(user, place) for place in LIBRARIES[library])] == []


@pytest.mark.parametrize("package", BACKENDS)
def test_backends_are_chosen_in_one_file_alone(package: str) -> None:
    home = package.replace(".", "/")
    users = [relative(path) for path in SOURCES if any(name.startswith(f"{package}.") for name in imported(path))]
    chosen = ("app/backends.py", "retrieval/tuning/")  # tuning trains what the backends run
    assert [user for user in users if not user.startswith((home, *chosen))] == []


def test_the_service_and_the_worker_import_nothing_heavy_before_they_need_it() -> None:
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'mcp'}"
    code = f"import sys, app.main, app.worker, app.cli.main; print(sorted({heavy} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]"


def test_a_question_to_a_running_service_imports_nothing_of_a_service() -> None:
    heavy = "{'fastapi', 'sqlalchemy', 'alembic', 'faiss', 'tantivy', 'torch'}"
    code = f"import sys, app.cli.main, app.cli.questions; print(sorted({heavy} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]"


def test_packages_open_with_a_docstring_and_nothing_else() -> None:
    for path in SOURCES:
        if path.name == "__init__.py":
            body = parsed(path).body
            assert len(body) == 1, relative(path)
            assert isinstance(body[0], ast.Expr), relative(path)


def test_every_module_says_what_it_does() -> None:
    assert [relative(path) for path in SOURCES if not ast.get_docstring(parsed(path))] == []


# What is never written


def test_nothing_unsafe_is_imported_called_or_switched_on() -> None:
    found: list[str] = []
    for path in SOURCES:
        found += [f"{relative(path)}: {name}" for name in imported(path) if name.split(".")[0] in NEVER_IMPORTED]
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                given = {word.arg for word in node.keywords if not is_false(word.value)} & NEVER_GIVEN
                called = {ast.unparse(node.func)} & NEVER_CALLED
                found += [f"{relative(path)}:{node.lineno}: {each}" for each in given | called]
    assert found == []


def is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def test_names_use_the_words_of_the_house() -> None:
    classes = [
        f"{relative(path)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef) and NOT_OUR_WORDS.search(node.name) and not is_named_by_its_base(node)
    ]
    files = [relative(path) for path in SOURCES if NOT_OUR_WORDS.search(path.stem.title())]
    assert classes + files == []


def is_named_by_its_base(node: ast.ClassDef) -> bool:
    """Whether a library's class that it extends has the word in its name: a logging handler is called one."""
    return any(node.name.endswith(ast.unparse(base).rpartition(".")[2]) for base in node.bases)


# Dependencies and locks


def test_every_dependency_is_used() -> None:
    modules = {name.split(".")[0] for path in SOURCES for name in imported(path)}
    names = packages_distributions()
    used = {canonical(name) for module in modules for name in names.get(module, [])}
    declared = {canonical(each) for each in PYPROJECT["project"]["dependencies"]}
    assert sorted(declared - used - USED_WITHOUT_IMPORT) == []


def test_every_import_is_declared() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    declared = {canonical(each) for name in ("cpu", "gpu", "s3", "tune") for each in extras[name]}
    declared |= {canonical(each) for each in PYPROJECT["project"]["dependencies"]} | {"mcp-types"}  # a part of mcp
    names = packages_distributions()
    modules = {name.split(".")[0] for path in SOURCES for name in imported(path)}
    foreign = modules - sys.stdlib_module_names - set(PACKAGES)
    undeclared = [name for name in foreign if not {canonical(each) for each in names.get(name, [])} & declared]
    assert sorted(undeclared) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_place_to_download_from(lock: Path) -> None:
    text = "\n".join(line.partition("#")[0] for line in lock.read_text(encoding="utf-8").splitlines())
    assert re.findall(r"https?:|file:|--\w*index|--find-links|--trusted-host| @ ", text) == []


@pytest.mark.parametrize("name", ["build", "cpu", "dev", "gpu"])
def test_every_locked_package_has_hashes_and_torch_is_not_among_them(name: str) -> None:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([a-z0-9._-]+)==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+", lock, re.MULTILINE)
    assert sorted(pinned) == sorted(packages_in_lock(ROOT / "requirements" / f"{name}.txt"))
    assert "torch" not in pinned


@pytest.mark.parametrize(("name", "extras"), [("cpu", ["cpu", "s3"]), ("gpu", ["gpu", "s3"]), ("dev", ["dev"])])
def test_a_lock_holds_what_the_project_asks_for(name: str, extras: list[str]) -> None:
    locked = {canonical(package) for package in packages_in_lock(ROOT / "requirements" / f"{name}.txt")}
    asked = [*PYPROJECT["project"]["dependencies"]]
    for extra in extras:
        asked += PYPROJECT["project"]["optional-dependencies"][extra]
    assert sorted({canonical(each) for each in asked} - locked) == ["torch"]


def test_the_locks_agree_and_only_the_gpu_lock_has_cuda() -> None:
    cpu, dev, gpu = (packages_in_lock(ROOT / "requirements" / f"{name}.txt") for name in ("cpu", "dev", "gpu"))
    for other in (dev, gpu):
        assert {name: (cpu[name], other[name]) for name in cpu.keys() & other.keys() if cpu[name] != other[name]} == {}
    cuda = re.compile(r"nvidia|cuda|triton")
    assert [name for name in {**cpu, **dev} if cuda.match(name)] == []
    assert [name for name in gpu if cuda.match(name)] != []


# The sample collection


def known_questions() -> list[dict[str, Any]]:
    return json.loads((Path(__file__).parent / "samples_questions.json").read_text(encoding="utf-8"))["answerable"]


@pytest.mark.parametrize("known", known_questions(), ids=lambda known: known["document"])
def test_a_sample_document_holds_the_answer_that_is_asked_of_it(known: dict[str, Any]) -> None:
    text = sample_text(SAMPLES / known["document"], known["page"])
    assert [word for word in known["words"] if word not in " ".join(text.split())] == []


def sample_text(path: Path, page: int | None) -> str:
    if path.suffix == ".pdf":
        assert page is not None
        return pypdfium2.PdfDocument(path)[page - 1].get_textpage().get_text_range()
    if path.suffix == ".docx":
        return "\n".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)
    return path.read_text(encoding="utf-8")


def test_every_sample_document_is_asked_about() -> None:
    assert {known["document"] for known in known_questions()} == {path.name for path in SAMPLES.iterdir()}
