"""A laptop between real networks: each in a network namespace of its own."""
