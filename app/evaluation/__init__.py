"""Datasets, runs and reports: the numbers of the product, made through the product."""
