"""Best matching terms: one file per backend."""
