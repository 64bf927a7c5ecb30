"""Windows for real, as far as Wine is Windows: ``make test-windows``. ``make test`` does not collect this folder."""
