"""Holdout's library: the code that the registry and a vendor's machine must agree on. No Django in here."""

__version__ = "0.1.0"
