"""Speed, side by side in one run: pacaware, pypac, plain requests and plain httpx. Run ``python -m benchmarks``."""
