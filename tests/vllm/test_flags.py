"""What is started with a card, read by vLLM's own parser: no flag that it does not know, no value that it refuses."""

import json
import subprocess

import pytest
from transformers import LlamaConfig

from generation.planning.decoder_config import describe
from generation.planning.serving_plan import GIBIBYTE, plans
from tests.test_compose import FURTHER, vllm_command
from tests.vllm.server import PYTHON

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
PARSER = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = make_arg_parser(FlexibleArgumentParser())
for command in json.load(sys.stdin):
    read = parser.parse_args(command)
    validate_parsed_serve_args(read)
    print(json.dumps({name: str(value) for name, value in vars(read).items()}))
"""


def read_by_vllm(*commands: list[str]) -> list[dict[str, str]]:
    """The settings that each command line comes to."""
    done = subprocess.run(
        [PYTHON, "-c", PARSER],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.usefixtures("server")  # skips where vLLM is not installed
def test_the_composed_server_and_every_plan_are_started_with_flags_that_vllm_takes() -> None:
    decoder = describe(LlamaConfig())
    planned = [plan.flags for gpus in (1, 2) for plan in plans(decoder, 24 * GIBIBYTE, 4096, gpus)]
    composed = vllm_command(OPENBOOK_GENERATOR_MODEL="model", VLLM_CONTEXT="4096", VLLM_FLAGS=" ".join(FURTHER))
    first, *rest = read_by_vllm(composed, *(["/models/model", *" ".join(flags).split()] for flags in planned))
    assert first["model_tag"] == "/models/model"
    assert first["host"] == "0.0.0.0"
    assert (first["max_model_len"], first["max_num_seqs"], first["quantization"]) == ("4096", "64", "fp8")
    assert len(rest) == len(planned) == 6
    assert {each["enable_prefix_caching"] for each in (first, *rest)} == {"True"}
    assert [each["tensor_parallel_size"] for each in rest] == ["1"] * 3 + ["2"] * 3
