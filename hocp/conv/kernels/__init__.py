"""Compiled kernels of the CP convolution; each has a form in pure torch behind it that gives equal numbers."""
