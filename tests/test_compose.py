"""What docker-compose.yml starts: confined containers, one of them published, each with its own settings."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings

COMPOSE = Path(__file__).parent.parent / "docker-compose.yml"
FURTHER = (
    *("--quantization", "fp8", "--kv-cache-dtype", "fp8", "--tensor-parallel-size", "2"),
    *("--max-num-batched-tokens", "8192", "--enable-lora", "--lora-modules", "legal=/models/legal"),
)


def compose() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("service", compose()["services"])
def test_a_container_may_do_nothing_that_it_need_not(service: str) -> None:
    container = compose()["services"][service]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["pids_limit"] <= 256 or container.get("profiles") == ["gpu"]
    assert container["mem_limit"]
    assert container["tmpfs"]
    assert "privileged" not in container
    assert not any("docker.sock" in volume for volume in container["volumes"])


def test_only_the_front_server_is_published_and_the_model_sees_the_api_alone() -> None:
    services, networks = compose()["services"], compose()["networks"]
    assert [name for name, container in services.items() if "ports" in container] == ["front"]
    assert [name for name in networks if not networks[name].get("internal")] == ["edge"]
    members = {
        name: {each for each, container in services.items() if name in container["networks"]} for name in networks
    }
    assert members == {
        "edge": {"front"},
        "front": {"front", "api"},
        "data": {"api", "worker", "postgres"},
        "decode": {"api", "vllm"},
    }


def filled_in(text: str, **environment: str) -> str:
    """The text with its variables in place, innermost first, as Compose does it."""
    variable = re.compile(r"\$\{(\w+)(?:(?::-|:\?)([^${}]*))?\}")
    while (filled := variable.sub(lambda found: environment.get(found[1]) or found[2] or "", text)) != text:
        text = filled
    return text


def vllm_command(**environment: str) -> list[str]:
    return shlex.split(filled_in(compose()["services"]["vllm"]["command"], **environment))


def test_the_model_server_caches_prefixes_and_is_started_as_set() -> None:
    started = vllm_command(OPENBOOK_GENERATOR_MODEL="my model", VLLM_CONTEXT="4096", VLLM_ANSWERS="16")
    assert started[:3] == ["/models/my model", "--served-model-name=my model", "--enable-prefix-caching"]
    assert {"--max-model-len=4096", "--max-num-seqs=16", "--gpu-memory-utilization=0.9"} <= set(started)


def test_further_flags_of_the_model_server_come_last() -> None:
    assert vllm_command(VLLM_FLAGS=" ".join(FURTHER)) == [*vllm_command(), *FURTHER]


def test_the_model_servers_port_is_open_to_its_network_alone() -> None:
    container = compose()["services"]["vllm"]
    assert not {"ports", "expose", "network_mode"} & set(container)
    assert container["networks"] == ["decode"]
    assert compose()["networks"]["decode"]["internal"] is True


def test_what_is_set_for_answers_reaches_the_api() -> None:
    handed: dict[str, str | None] = compose()["services"]["api"]["environment"]
    known = {f"OPENBOOK_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in handed if name.startswith("OPENBOOK_")} <= known
    wanted = {name for name in known if name.startswith("OPENBOOK_GENERATOR_")}
    wanted |= {"OPENBOOK_CONTEXT_TOKENS", "OPENBOOK_UNSUPPORTED"}
    as_set = {name for name, value in handed.items() if value is None}
    assert wanted - as_set == {"OPENBOOK_GENERATOR_CONNECTIONS"}


def test_no_more_answers_are_sent_than_the_model_server_is_started_for() -> None:
    connections = compose()["services"]["api"]["environment"]["OPENBOOK_GENERATOR_CONNECTIONS"]
    assert filled_in(connections) == "64"
    assert filled_in(connections, VLLM_ANSWERS="16") == "16"
    assert filled_in(connections, VLLM_ANSWERS="16", OPENBOOK_GENERATOR_CONNECTIONS="8") == "8"
