"""Decisions as functions and small state machines: no socket, no clock, no thread."""
