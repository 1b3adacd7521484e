"""The chain from sources to outputs."""
