"""The transports: ``_async`` is written by hand, ``_sync`` and the twin for httpx2 are generated from it."""
