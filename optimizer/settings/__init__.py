"""The sections of a run file."""
