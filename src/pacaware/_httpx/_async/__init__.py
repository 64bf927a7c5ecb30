"""The asynchronous half (asyncio and trio)."""
