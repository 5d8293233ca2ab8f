"""Factorized layers in and out: safetensors files, and tensorly-torch's layers."""

from hocp.conv.exchange.saved import load, save

__all__ = ["load", "save"]
