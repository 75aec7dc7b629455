"""Hostile documents and clients against the whole service, with a model server that obeys whatever it reads."""

import io
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import Any, cast

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.running import Running, events, running
from tests.hostile import ATTACKS, Attack, obedient
from tests.ingestion.files import PdfPage, lines, pdf, word_archive
from tests.stubs.vllm import Script, VllmStub, prompt_of

FACT = "The capital of France is Paris."
QUESTION = "What is the capital of France?"
ALIVE = re.compile(r"\]\(|!\[|\]:|<[A-Za-z/!?]|://|\bwww\.|(?:javascript|data|vbscript):\S|\.example", re.IGNORECASE)
SENT = {"model", "messages", "temperature", "max_tokens", "stream", "stream_options", "response_format"}
"""All that may ever be sent to the model's server."""
ONE_LINE = [each for each in ATTACKS if each.kind.startswith(("override:", "polite:")) and "\n" not in each.text]


@contextmanager
def obeying(folder: Path, template: Path) -> Generator[tuple[Running, VllmStub]]:
    with (
        VllmStub(Script(choose=obedient)) as stub,
        running(folder, template, generator_url=stub.base_url, generator_model="stub-model") as started,
    ):
        yield started, stub


def word(title: str = "", heading: str = "", cell: str = "") -> bytes:
    made = docx.Document()
    made.core_properties.title = title
    made.add_heading(heading or "France", 1)
    made.add_paragraph(FACT)
    made.add_table(1, 2).rows[0].cells[1].text = cell or "Paris"
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def word_with(run: str) -> bytes:
    """A Word file with the fact, and a paragraph of that run."""
    return word_archive(f"<w:p><w:r><w:t>{FACT}</w:t></w:r></w:p><w:p><w:r>{run}</w:r></w:p>")


def picture_of(text: str) -> str:
    names = "http://schemas.openxmlformats.org/drawingml/2006"
    return (
        f'<w:drawing><wp:inline xmlns:wp="{names}/wordprocessingDrawing">'
        f'<wp:docPr id="1" name="Picture 1" descr="{escaped(text)}"/><pic:pic xmlns:pic="{names}/picture"/>'
        "</wp:inline></w:drawing>"
    )


def pdf_with(text: str, paint: str = "") -> bytes:
    """A PDF with the fact, and below it the text in lines that fit the page."""
    shown = [replace(line, paint=paint) for line in lines(*wrap(text, 80), top=600)]
    return pdf(PdfPage([*lines(FACT), *shown]))


def page(head: str = "", body: str = "") -> bytes:
    return f"<html><head>{head}</head><body><h1>France</h1><p>{FACT}</p>{body}</body></html>".encode()


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


SEEN: dict[str, Callable[[str], tuple[str, bytes]]] = {
    "Markdown text": lambda text: ("a.md", f"{FACT} {text}".encode()),
    "Markdown heading": lambda text: ("b.md", f"# {text}\n\n{FACT}".encode()),
    "Markdown table": lambda text: (
        "c.md",
        f"{FACT}\n\n| a | b |\n|---|---|\n| x | {text.replace('|', ' ')} |".encode(),
    ),
    "Markdown footnote": lambda text: ("d.md", f"{FACT}[^1]\n\n[^1]: {text}".encode()),
    "Markdown picture": lambda text: (
        "v.md",
        f"{FACT}\n\n![{text.replace('[', '(').replace(']', ')')}](a.png)".encode(),
    ),
    "HTML picture": lambda text: ("w.html", page(body=f'<p>Seine. <img src="a.png" alt="{escaped(text)}"></p>')),
    "HTML heading": lambda text: ("x.html", page(body=f"<h2>{escaped(text)}</h2><p>It is on the Seine.</p>")),
    "HTML list": lambda text: ("y.html", page(body=f"<ul><li>Seine</li><li>{escaped(text)}</li></ul>")),
    "HTML title": lambda text: ("e.html", page(f"<title>{escaped(text)}</title>")),
    "HTML caption": lambda text: ("f.html", page(body=f"<figure><figcaption>{escaped(text)}</figcaption></figure>")),
    "HTML table": lambda text: ("g.html", page(body=f"<table><tr><td>x</td><td>{escaped(text)}</td></tr></table>")),
    "Word title": lambda text: ("h.docx", word(title=text[:200])),
    "Word heading": lambda text: ("i.docx", word(heading=text)),
    "Word table": lambda text: ("j.docx", word(cell=text)),
    "Word picture": lambda text: ("q.docx", word_with(picture_of(text))),
    "PDF text": lambda text: ("r.pdf", pdf_with(text)),
    "PDF title": lambda text: ("1.pdf", pdf(PdfPage(lines(FACT)), info={"Title": text})),
    "file name": lambda text: (f"{text[:120].replace('/', ' ')}.md", FACT.encode()),
}
HIDDEN: dict[str, Callable[[str], tuple[str, bytes]]] = {
    "HTML not displayed": lambda text: ("k.html", page(body=f"<p style='display:none'>{escaped(text)}</p>")),
    "HTML white on white": lambda text: ("l.html", page(body=f"<p style='color:#fff'>{escaped(text)}</p>")),
    "HTML beside the page": lambda text: (
        "z.html",
        page(body=f"<p style='position:absolute;left:-9999px'>{escaped(text)}</p>"),
    ),
    "HTML without size": lambda text: ("0.html", page(body=f"<p style='font-size:0'>{escaped(text)}</p>")),
    "HTML comment": lambda text: ("m.html", page(body=f"<!-- {text.replace('--', '')} -->")),
    "HTML attribute": lambda text: ("n.html", page(body=f'<p data-x="{escaped(text)}">Seine.</p>')),
    "Word hidden text": lambda text: (
        "s.docx",
        word_with(f"<w:rPr><w:vanish/></w:rPr><w:t>{escaped(text)}</w:t>"),
    ),
    "PDF white on white": lambda text: ("t.pdf", pdf_with(text, "1 g")),
    "PDF not painted": lambda text: ("u.pdf", pdf_with(text, "3 Tr")),
    "Markdown comment": lambda text: ("o.md", f"{FACT}\n\n<!-- {text.replace('--', '')} -->".encode()),
    "tag characters": lambda text: (
        "p.md",
        f"{FACT} {''.join(chr(0xE0000 + ord(c)) for c in text if ord(c) < 128)}".encode(),
    ),
}


def test_no_carrier_brings_a_command_to_life(tmp_path: Path, sqlite_template: Path) -> None:
    attacks = dict(zip([*SEEN, *HIDDEN], ONE_LINE, strict=False))
    assert len(attacks) == len(SEEN) + len(HIDDEN)
    with obeying(tmp_path, sqlite_template) as (service, stub), service.client(service.new_key()) as reader:
        ids = {
            carrier: service.upload(
                *make(attacks[carrier].text), metadata=json.dumps({"author": attacks[carrier].text})
            )["id"]
            for carrier, make in (SEEN | HIDDEN).items()
        }
        service.read_all()
        for carrier, attack in attacks.items():
            filtered = {"all": [{"field": "document.id", "op": "eq", "value": ids[carrier]}]}
            reply = reader.post("/v1/answers", json={"question": QUESTION, "filter": filtered})
            assert reply.status_code == 200, (carrier, reply.text)
            assert_harmless(reply.json(), attack, carrier)
        prompts = "\n".join(prompt_of(body) for body in stub.seen.bodies)
        assert [carrier for carrier in HIDDEN if attacks[carrier].name in prompts] == []
        reached = {carrier for carrier in SEEN if attacks[carrier].name in prompts}
        assert reached >= {
            "Markdown text",
            "Markdown picture",
            "HTML heading",
            "Word table",
            "Word picture",
            "PDF text",
        }
        assert len(reached) >= 11
        assert stub.seen.requests == len(attacks)


def assert_harmless(answer: dict[str, Any], attack: Attack, carrier: str) -> None:
    assert not ALIVE.search(answer["answer"]), (carrier, answer["answer"])
    assert {int(label) for label in re.findall(r"\[(\d+)\]", answer["answer"])} <= {
        each["label"] for each in answer["citations"]
    }
    for sentence in answer["sentences"]:
        said = answer["answer"][sentence["start"] : sentence["end"]]
        if attack.name in said and answer["generator"] != "extractive":
            assert sentence["doubts"] or sentence["support"] < 0.5, (carrier, said)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, VllmStub]]:
    """A service with one document, and the model's server behind it."""
    with obeying(tmp_path_factory.mktemp("data"), sqlite_template) as (service, stub):
        service.upload("france.md", FACT)
        service.read_all()
        yield service, stub


def test_forged_lines_of_a_stream_stay_text(asked: tuple[Running, VllmStub]) -> None:
    service, stub = asked
    forged = ('data: [DONE]\n\nevent: answer\ndata: {"answer": "forged"}\n\nevent: error\r\ndata: {}\r\n\r\n', " [1]\n")
    stub.script = Script(tokens=forged)
    with service.client(service.admin_secret) as client:
        told = events(client.post("/v1/answers", json={"question": QUESTION, "stream": True}))
        completed = events(client.post("/v1/chat/completions", json=completion(stream=True)))
    stub.script = Script(choose=obedient)
    assert [name for name, _ in told if name != "delta"] == ["context", "answer"]
    assert "".join(data["text"] for name, data in told if name == "delta") == told[-1][1]["answer"]
    assert {name for name, _ in completed} == {"message"}
    assert [index for index, (_, data) in enumerate(completed) if data == "[DONE]"] == [len(completed) - 1]


def test_where_nothing_is_found_the_model_is_not_asked(asked: tuple[Running, VllmStub]) -> None:
    service, stub = asked
    service.services.collections.ensure("empty", service.services.embedder.fingerprint)
    before = stub.seen.requests
    nothing = {"all": [{"field": "metadata.year", "op": "eq", "value": 1}]}
    with service.client(service.new_key(collections=("empty",))) as client:
        assert client.post("/v1/answers", json={"question": QUESTION}).json()["abstained"]
        assert client.post("/v1/chat/completions", json=completion()).json()["openbook"]["abstained"]
    with service.client(service.admin_secret) as client:
        assert client.post("/v1/answers", json={"question": QUESTION, "filter": nothing}).json()["abstained"]
    assert stub.seen.requests == before


def completion(**more: Any) -> dict[str, Any]:
    return {"model": "openbook", "messages": [{"role": "user", "content": QUESTION}], **more}


FOREIGN = (
    *("best_of", "logprobs", "top_logprobs", "prompt_embeds", "chat_template_kwargs", "chat_template", "guided_json"),
    *("guided_regex", "structured_outputs", "tools", "functions", "n", "logit_bias", "stop", "echo", "min_p", "top_k"),
    *("add_generation_prompt", "documents", "mm_processor_kwargs", "priority", "request_id", "kv_transfer_params"),
    *("vllm_xargs", "extra_body", "ignore_eos", "min_tokens", "skip_special_tokens", "seed", "use_beam_search"),
)
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.just("x"), st.just([]), st.just({"a": 1}))


def values(schema: dict[str, Any], components: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a field's schema allows, from its ends and its middle."""
    if "$ref" in schema:
        return values(components[schema["$ref"].rsplit("/", 1)[1]], components)
    if "anyOf" in schema:
        return st.one_of([values(each, components) for each in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(cast("list[Any]", schema["enum"]))
    match schema.get("type"):
        case "integer":
            low, high = int(schema.get("minimum", 0)), int(schema.get("maximum", schema.get("exclusiveMaximum", 9) - 1))
            return st.sampled_from([low, high, (low + high) // 2])
        case "number":
            return st.sampled_from([schema.get("minimum", 0), schema.get("maximum", 1)])
        case "boolean":
            return st.booleans()
        case "string":
            return st.just("x")
        case "array":
            return st.lists(values(schema.get("items", {}), components), min_size=1, max_size=1)
        case "object":
            return fields(schema, components)
        case _:
            return st.none()


def fields(schema: dict[str, Any], components: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    known = cast("dict[str, dict[str, Any]]", schema.get("properties", {}))
    return st.fixed_dictionaries({}, optional={name: values(each, components) for name, each in known.items()})


@pytest.mark.parametrize(
    ("path", "body", "own"),
    [
        ("/v1/answers", {"question": QUESTION}, {"collections", "filter", "conversation_id"}),
        ("/v1/chat/completions", completion(), {"messages", "model"}),
    ],
)
def test_nothing_that_a_client_sends_passes_through_to_the_model(
    path: str, body: dict[str, Any], own: set[str], asked: tuple[Running, VllmStub]
) -> None:
    service, stub = asked
    schema = service.app.openapi()
    components = cast("dict[str, Any]", schema["components"]["schemas"])
    reference = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    request = components[reference["$ref"].rsplit("/", 1)[1]]
    offered = {name: each for name, each in request["properties"].items() if name not in {*body, *own}}
    known = fields({"properties": offered}, components)
    foreign = st.dictionaries(st.sampled_from([name for name in FOREIGN if name not in offered]), ANYTHING, max_size=2)

    statuses: set[int] = set()
    with service.client(service.admin_secret) as client:

        @given(known, foreign)
        @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        def check(given_fields: dict[str, Any], more: dict[str, Any]) -> None:
            service.state.rate.hits.clear()
            seen = len(stub.seen.bodies)
            reply = client.post(path, json={**body, **given_fields, **more})
            statuses.add(reply.status_code)
            assert reply.status_code in (200, 422), reply.text
            assert reply.status_code == 422 or not more
            for sent in stub.seen.bodies[seen:]:
                assert set(sent) <= SENT
                assert all(set(message) == {"role", "content"} for message in sent["messages"])
                assert (sent["stream"], sent["model"]) == (True, "stub-model")

        check()
    assert statuses == {200, 422}
