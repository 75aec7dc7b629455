"""A collection that keeps in step with a folder."""
