"""Whole networks factorized under a rank, an error bound or a budget."""
