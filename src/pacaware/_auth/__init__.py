"""How to log on: the schemes, where credentials come from, and what is remembered of them."""
