"""Tests of pacaware.testing."""
