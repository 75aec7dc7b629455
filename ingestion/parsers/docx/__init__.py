"""Word files: what a reader of the printed file would see, as blocks."""
