"""Reach the network behind a corporate proxy as the browser on the same machine does."""

__version__ = "0.1.0"
