"""Where original files lie: one file per backend."""
