"""Context → text: one file per backend."""
