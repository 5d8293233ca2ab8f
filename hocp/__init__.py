"""HO-CP: factorized higher-order convolutions and the replication of the paper that introduced them.

This module imports nothing, so that light parts (`hocp.contracts`) stay light; take what you need by its
full name, for instance ``from hocp.conv import CPConv``.
"""
