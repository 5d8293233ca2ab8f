"""Compiled kernels of the CP convolution; forms in pure torch give equal numbers without them."""
