"""What passes between the stages of the suite: files, their columns and keys, and nothing that computes.

Importable without torch, so that a dry run and a figure start at once.
"""
