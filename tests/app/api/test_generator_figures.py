from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app.api.generator_figures import GeneratorFigures
from tests.app.running import running
from tests.stubs.vllm import Script, VllmStub

TOLD = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 2.0
vllm:num_requests_running{engine="1",model_name="<script>"} 3.0
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="a"} 154.0
vllm:generation_tokens_created{engine="0",model_name="a"} 1.79e+09
# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="a"} 1.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="a"} 8.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="a"} 8.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="a"} 0.5
# HELP vllm:num_requests_waiting Not of the kind that it should be.
# TYPE vllm:num_requests_waiting counter
vllm:num_requests_waiting_total 7
# HELP python_info Python.
# TYPE python_info gauge
python_info{version="3.11.7"} 1.0
"""


def figures(stub: VllmStub) -> list[str]:
    registry = CollectorRegistry()
    registry.register(GeneratorFigures(stub.base_url, "secret"))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_known_figures_are_taken_under_our_names_and_without_foreign_labels() -> None:
    with VllmStub(Script(figures=TOLD)) as stub:
        assert figures(stub) == [
            "openbook_generator_up 1.0",
            "openbook_generator_requests_running 5.0",
            "openbook_generator_tokens_total 154.0",
            'openbook_generator_first_token_seconds_bucket{le="0.001"} 1.0',
            'openbook_generator_first_token_seconds_bucket{le="+Inf"} 8.0',
            "openbook_generator_first_token_seconds_count 8.0",
            "openbook_generator_first_token_seconds_sum 0.5",
        ]


@pytest.mark.parametrize(
    "script",
    [
        Script(),
        Script(figures=""),
        Script(figures="{ garbage } }"),
        Script(figures='# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{a="b'),
        Script(figures="x" * 5_000_000),
        Script(mute=True),
    ],
    ids=["none", "empty", "garbage", "cut", "endless", "mute"],
)
def test_a_server_without_figures_is_not_up(script: Script) -> None:
    with VllmStub(script) as stub:
        assert figures(stub) == ["openbook_generator_up 0.0"]


def test_a_service_with_a_model_tells_them_and_one_without_does_not(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    with (
        VllmStub(Script(figures=TOLD)) as stub,
        running(
            tmp_path / "with", sqlite_template, generator_url=stub.base_url, generator_model="stub-model"
        ) as started,
        started.client(started.admin_secret) as admin,
    ):
        assert "openbook_generator_tokens_total 154.0" in admin.get("/metrics").text
    with running(tmp_path / "without", sqlite_template) as started, started.client(started.admin_secret) as admin:
        assert "openbook_generator" not in admin.get("/metrics").text
