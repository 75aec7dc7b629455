"""A model's files: in a folder, or in the hub's cache, fetched at first use."""

from pathlib import Path

WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Weights as safetensors only: the other formats are pickles."""


class ModelNotFound(Exception):
    """The name is neither a folder nor a model that can be had from the hub."""


def model_files(model: str) -> Path:
    """The folder of a model. Raises ModelNotFound."""
    if Path(model).is_dir():
        return Path(model)
    # A third of a second, for the hub's models only.
    import huggingface_hub  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    try:
        found = huggingface_hub.snapshot_download(model, allow_patterns=[*WANTED], ignore_patterns=["o*/*"])
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise ModelNotFound(f"neither a folder nor to be had from the hub ({error})") from error
    return Path(str(found))
