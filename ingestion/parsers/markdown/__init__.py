"""Markdown, with front matter and the marks of MkDocs, as blocks."""
