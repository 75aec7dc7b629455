"""Parsing where it can do no harm: in children with limits, which can be killed."""
