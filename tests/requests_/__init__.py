"""Tests of the shell around requests."""
