"""A table of prompts with a grader of your own; the kind `table` of suites."""
