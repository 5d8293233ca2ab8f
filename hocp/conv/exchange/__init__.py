"""Factorized layers in and out: safetensors files, and tensorly-torch's layers."""

from hocp.conv.exchange.saved import load, save
from hocp.conv.exchange.tltorch_read import from_tltorch
from hocp.conv.exchange.tltorch_write import to_tltorch

__all__ = ["from_tltorch", "load", "save", "to_tltorch"]
