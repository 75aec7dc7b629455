"""Datasets and runs: the numbers of the product, made through the product."""
