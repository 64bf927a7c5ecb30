"""Tests against real proxy servers."""
