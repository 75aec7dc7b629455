"""Questions to the documents: `openbook search | ask`."""

from typing import Annotated

import typer
from rich.markup import escape

from app.cli.terminal import Key, Url, connected, console, fail
from app.client import Json
from retrieval.types import SearchMode

commands = typer.Typer()

Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Only this collection.")]


@commands.command()
def search(
    query: str,
    collection: Collection = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many hits.")] = 5,
    mode: Annotated[SearchMode, typer.Option(help="Which sides search.")] = "hybrid",
    url: Url = None,
    key: Key = None,
) -> None:
    """Show the passages that fit a query best."""
    body: Json = {"query": query, "collections": [collection] if collection else None, "k": k, "mode": mode}
    with connected(url, key) as client:
        reply = client.post("/v1/search", body)
    for hit in reply["hits"]:
        pages = ", ".join(map(str, hit["chunk"]["pages"]))
        where = escape(hit["document"]["name"]) + (f", page {pages}" if pages else "")
        console.print(f"[bold]{hit['rank']}[/bold] {where}  [dim]{hit['score']:.3f}[/dim]", highlight=False)
        console.print(f"  {' '.join(hit['chunk']['text'].split())[:300]}", markup=False, highlight=False)
    if not reply["hits"]:
        console.print("Nothing was found.")


@commands.command()
def ask(question: str, collection: Collection = None, url: Url = None, key: Key = None) -> None:
    """Answer a question from the documents, each sentence with its citation."""
    body: Json = {"question": question, "collections": [collection] if collection else None}
    with connected(url, key) as client:
        for event, content in client.stream_answer(body):
            if event == "delta":
                console.print(content["text"], end="", markup=False, highlight=False)
            elif event == "error":
                fail(f"{content['title']}: {content['detail']}")
            elif event == "answer":
                _print_citations(content)


def _print_citations(answer: Json) -> None:
    console.print()
    for citation in answer["citations"]:
        printed = (
            f" (printed: {citation['page_label']})"
            if citation["page_label"] not in {None, str(citation["page"])}
            else ""
        )
        page = f", page {citation['page']}{printed}" if citation["page"] is not None else ""
        read = ", recognised text" if citation["recognised"] else ""
        name = escape(citation["document"]["name"])
        console.print(f"\\[{citation['label']}] [bold]{name}[/bold]{page}{read}", highlight=False)
        console.print(f"    “{' '.join(citation['quote'].split())}”", markup=False, highlight=False, style="dim")
    for sentence in answer["sentences"]:
        if sentence["doubts"]:
            said = answer["answer"][sentence["start"] : sentence["end"]].strip()
            doubts = ", ".join(sentence["doubts"])
            console.print(f"[yellow]?[/yellow] not in its source ({doubts}): “{escape(said)}”", highlight=False)
    for name in answer["degraded"]:
        console.print(f"[yellow]degraded: {name}[/yellow]")
