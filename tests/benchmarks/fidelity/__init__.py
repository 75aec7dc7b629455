"""How much of a file's text, and how much of its shape, comes out of the parsers: one module per kind of data set."""
