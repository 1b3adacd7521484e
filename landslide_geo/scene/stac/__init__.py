"""Scenes from STAC catalogues: searching, choosing and loading acquisitions."""
