"""Checks that need no network: published numbers against a copy of the paper, ours back to their runs."""
