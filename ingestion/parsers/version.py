"""The parsers' version, for those who ask without importing the parsers themselves."""

PARSER_VERSION = "23"
"""Stands beside every stored parse; raise it with any change to what a parser gives."""
