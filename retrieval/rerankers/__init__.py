"""Second opinions on the order of candidates: one file per backend."""
