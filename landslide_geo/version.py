"""The version, apart from the package's root so that every room can name it without importing the others."""

__version__ = "0.1.0"
