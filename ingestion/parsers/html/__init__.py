"""Web pages: their own text without what surrounds and hides in it, as blocks."""
