"""Grading stored attempts again, and what the certified number would have been."""
