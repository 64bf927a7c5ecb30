"""What every test may use: the servers of pacaware.testing as fixtures."""

pytest_plugins = ["pacaware.testing.fixtures"]
