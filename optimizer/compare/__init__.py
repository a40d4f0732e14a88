"""Harnesses held against each other on the same tasks: who they are, what was drawn, what it says."""
