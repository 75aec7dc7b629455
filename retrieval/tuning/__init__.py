"""A model fitted to the documents that it searches: adapters trained on pairs, then merged into its weights."""
