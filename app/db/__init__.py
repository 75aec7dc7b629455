"""The schema and one store per noun; SQL is nowhere else, and one method is one transaction."""
