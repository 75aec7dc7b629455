"""The command line: what people and their scripts type."""
