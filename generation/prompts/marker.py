"""The word that delimits what others wrote within a prompt (spotlighting by delimiters; Hines et al., 2024)."""

import secrets


def new_marker() -> str:
    """A word that no text can know beforehand, so that none can close its own quotation."""
    return secrets.token_hex(8)
