"""Experiments that test what course notes claim about activation functions: run `python -m experiments`."""
