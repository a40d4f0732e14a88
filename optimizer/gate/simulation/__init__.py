"""The bench: worlds of known truth, and rules that decide in them.

Nothing here is imported by a run. It says how a rule behaves in a world somebody wrote down, nothing about any model.
"""
