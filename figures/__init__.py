"""Figures and tables for readers: one artefact a file, results in, picture or table out; without torch."""
