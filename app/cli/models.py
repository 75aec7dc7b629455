"""Planning for a language model: `openbook models plan`."""

from typing import Annotated

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError
from rich.table import Table

from app.cli.terminal import console, fail
from generation.errors import UnknownModel
from generation.planning.decoder import Decoder
from generation.planning.serving_plan import GIBIBYTE, Plan, plans

commands = typer.Typer(no_args_is_help=True, help="Plan for a language model behind vLLM.")

_BYTES = TypeAdapter(ByteSize)


@commands.callback()
def models() -> None:
    """Plan for a language model behind vLLM."""


@commands.command()
def plan(
    model: Annotated[str, typer.Argument(help="A config.json, a model's folder, or a hub's name.")],
    gpu_memory: Annotated[str, typer.Option(help="Memory of one card, like 24GiB.")] = "24GiB",
    context: Annotated[int, typer.Option(min=256, max=1 << 20, help="Tokens of an answer with its prompt.")] = 8192,
    gpus: Annotated[int, typer.Option(min=1, max=64, help="Cards of one machine that share the model.")] = 1,
) -> None:
    """Say what a model needs: parameters, bytes, how many answers fit at a time, and vLLM's flags."""
    from generation.planning.decoder_config import read  # noqa: PLC0415  # brings torch, which no other command needs

    try:
        memory = _BYTES.validate_python(gpu_memory)
        decoder = read(model)
    except ValidationError:
        fail(f"--gpu-memory {gpu_memory}: expected a size like 24GiB")
    except UnknownModel as error:
        fail(str(error))
    _print_parameters(decoder)
    chosen = plans(decoder, memory, context, gpus)
    _print_plans(chosen, context)
    for each in chosen:
        if each.answers:
            served = "QUANTISED_MODEL" if each.other_checkpoint else "MODEL"
            command = f"vllm serve {served} {' '.join(each.flags)}"
            console.print(f"\n[bold]{each.precision}[/bold]  {command}", soft_wrap=True)
    if any(each.other_checkpoint and each.answers for each in chosen):
        console.print(
            "\nQUANTISED_MODEL is a checkpoint of the model with weights of four bits (AWQ or GPTQ):"
            " those of the one named here vLLM would load as they are.",
            soft_wrap=True,
        )
    if decoder.quantised:
        console.print(
            f"\nThe checkpoint is quantised already ({decoder.quantised}): look at the row that comes nearest."
        )
    if decoder.longest and context > decoder.longest:
        console.print(f"[yellow]The model was made for {decoder.longest} tokens, fewer than {context}.[/yellow]")


def _print_parameters(decoder: Decoder) -> None:
    parameters = decoder.parameters
    table = Table(f"{decoder.architecture}, {decoder.attention}", "parameters", "share")
    parts = {
        "embedding": parameters.embedding,
        "attention": parameters.attention,
        "feed-forward": parameters.feed_forward,
        "experts": parameters.experts,
        "norms and routers": parameters.norms_and_routers,
        "head" if parameters.head else "head (tied to the embedding)": parameters.head,
    }
    for name, count in parts.items():
        table.add_row(name, f"{count:,}", f"{count / parameters.total:.1%}")
    table.add_row("in all", f"{parameters.total:,}", "")
    if parameters.active != parameters.total:
        table.add_row("used by one token", f"{parameters.active:,}", f"{parameters.active / parameters.total:.1%}")
    console.print(table)


def _print_plans(chosen: tuple[Plan, ...], context: int) -> None:
    table = Table(
        "precision", "weights", "cache per token", f"cache of {context:,} tokens", "left for it", "answers at a time"
    )
    for each in chosen:
        lacks = f"lacks {_gibibytes(-each.free_bytes)}"
        table.add_row(
            each.precision,
            _gibibytes(each.weight_bytes),
            f"{each.cache_bytes_per_token / 1024:,.0f} KiB",
            _gibibytes(each.cache_bytes_per_answer),
            _gibibytes(each.free_bytes) if each.free_bytes > 0 else lacks,
            str(each.answers) if each.answers else "does not fit",
        )
    console.print(table)


def _gibibytes(count: int) -> str:
    return f"{count / GIBIBYTE:.2f} GiB"
