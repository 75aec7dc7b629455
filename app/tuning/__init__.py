"""A model tuned on a collection: questions from its documents, a training, a comparison on those held back."""
