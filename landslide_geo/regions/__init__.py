"""Regions that are scanned again and again: their files, lock, history, running inventory, and what is published."""
