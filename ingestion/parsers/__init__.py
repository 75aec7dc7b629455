"""Media type → Parser: one file per format."""
