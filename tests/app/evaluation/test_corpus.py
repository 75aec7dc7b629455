"""A corpus reaches the product unchanged, under a name that tells what is in it."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.corpus import collection_of, markdown, prepare
from app.evaluation.types import CorpusDocument, CorpusFile, Dataset
from app.serve import own_service
from app.settings import Settings
from ingestion.parsers.markdown.parser import MarkdownParser


@given(st.text(alphabet="ab1 *_`#<>[]|~^$&\\.-+(){}!'\"\n", min_size=1, max_size=60))
def test_a_text_comes_through_markdown_unchanged(text: str) -> None:
    parsed = MarkdownParser().parse(markdown(CorpusDocument("d", "", f"Text {text}")).encode())

    assert "".join("".join(block.text.split()) for block in parsed.blocks) == "Text" + "".join(text.split())


def test_a_collections_name_follows_from_what_the_corpus_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("first")
    dataset = Dataset("metals: a set with a name that goes on and on and on and on", (CorpusFile("a", path),), ())
    name = collection_of(dataset)

    assert name.startswith("evaluation-metals-a-set")
    assert len(name) <= 64
    assert collection_of(replace(dataset, corpus=(CorpusFile("other id", path),))) == name
    path.write_text("second")
    assert collection_of(dataset) != name


def test_untitled_texts_get_no_title_from_where_they_stand(tmp_path: Path) -> None:
    texts = [CorpusDocument("1789", "", "The reactor is cooled."), CorpusDocument("1790", "Bells", "The bell rings.")]
    given = Dataset("plain", tuple(texts), ())
    with own_service(Settings(data_dir=tmp_path, embedder="hashing", samples=False, parse_processes=1)) as client:
        collection, ids = prepare(client, given)
        listed = client.listed("/v1/documents", collection=collection)
        titles = {document["id"]: document["title"] for document in listed}

    assert {ids[document][0]: title for document, title in titles.items()} == {"1789": "untitled", "1790": "Bells"}
