"""Personal data out of a parsed document: where it stands, by kind, and what takes its place."""
