"""Text → vectors: one file per backend."""
