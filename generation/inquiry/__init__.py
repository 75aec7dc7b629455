"""All that is searched for one question: itself, other words, steps, rounds, the documents that it names."""
