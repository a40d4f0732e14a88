"""Reads code exercises in Exercism's layout: a stub, hidden tests, a reference; the kind `exercism` of suites."""
