"""Nearest vectors: one file per backend."""
