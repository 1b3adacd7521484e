"""Prefect flows: they only call landslide_geo."""
