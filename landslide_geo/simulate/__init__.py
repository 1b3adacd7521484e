"""Simulated scenes and chips with known truth, at any size."""
