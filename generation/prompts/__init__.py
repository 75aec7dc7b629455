"""All that a model is told, fitted to its window, and how a text that gives it away is known."""
