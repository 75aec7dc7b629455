"""What a language model needs of a GPU, told from its config.json."""
