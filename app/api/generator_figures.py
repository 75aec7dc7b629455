"""Figures that the model's server tells of itself, among our own: asked of it when somebody looks, under our names."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from typing import Literal

import httpx
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from retrieval.server_client import ServerClient

_SECONDS = 1.0
_BYTES = 4 << 20
_Kind = Literal["counter", "gauge", "histogram"]
_TAKEN: dict[str, tuple[_Kind, str, str]] = {
    "vllm:time_to_first_token_seconds": ("histogram", "first_token_seconds", "Time to a request's first token."),
    "vllm:request_time_per_output_token_seconds": ("histogram", "seconds_per_token", "Time per token of a request."),
    "vllm:request_queue_time_seconds": ("histogram", "queue_seconds", "Time that a request waited for its turn."),
    "vllm:prompt_tokens": ("counter", "prompt_tokens", "Tokens read."),
    "vllm:generation_tokens": ("counter", "tokens", "Tokens written; its rate is tokens per second."),
    "vllm:prefix_cache_queries": ("counter", "prefix_cache_queries", "Tokens looked for in the prefix cache."),
    "vllm:prefix_cache_hits": ("counter", "prefix_cache_hits", "Tokens found there."),
    "vllm:num_requests_running": ("gauge", "requests_running", "Requests under way."),
    "vllm:num_requests_waiting": ("gauge", "requests_waiting", "Requests that wait for their turn."),
    "vllm:kv_cache_usage_perc": ("gauge", "cache_usage_ratio", "Share of the KV cache in use."),
}
_SUFFIXES: dict[_Kind, tuple[str, ...]] = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


class GeneratorFigures(Collector):
    """`base_url` ends in /v1; the figures stand beside it. Engines and models of one server are added up."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._url = base_url.rstrip("/").removesuffix("/v1") + "/metrics"
        self._api_key = api_key

    def collect(self) -> Iterable[Metric]:
        """`openbook_generator_up` alone, 0 or 1, where the server is away or tells nothing that we know."""
        try:
            taken = list(_taken(self._text()))
        except (httpx.HTTPError, ValueError):
            taken = []
        up = GaugeMetricFamily("openbook_generator_up", "Whether the model's server tells its figures.")
        up.add_metric([], len(taken) > 0)
        yield from (up, *taken)

    def _text(self) -> str:
        with closing(ServerClient(self._api_key, _SECONDS)) as client:
            return client.get(self._url, _BYTES).decode()


def _taken(text: str) -> Iterable[Metric]:
    """The families that we know, without their labels but a histogram's bounds; raises ValueError for garbage."""
    for family in text_string_to_metric_families(text):
        if family.name not in _TAKEN or family.type != _TAKEN[family.name][0]:
            continue
        kind, name, told = _TAKEN[family.name]
        sums: dict[tuple[str, str], float] = defaultdict(float)
        for sample in family.samples:
            suffix = sample.name.removeprefix(family.name)
            if suffix in _SUFFIXES[kind]:
                bound = str(float(sample.labels["le"])) if suffix == "_bucket" else ""
                sums[suffix, bound.replace("inf", "+Inf")] += sample.value
        metric = Metric(f"openbook_generator_{name}", told, kind)
        for (suffix, bound), value in sums.items():
            metric.add_sample(f"{metric.name}{suffix}", {"le": bound} if bound else {}, value)
        yield metric
