"""Reads multi-turn tool tasks in the layout of BFCL; the kind `bfcl` of suites."""
