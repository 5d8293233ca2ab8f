"""Metrics under every convention, their intervals, and tests between methods; without torch."""
