"""Compiled kernels of CP convolutions; `hocp.conv.forms` calls them, and has forms that need none."""
