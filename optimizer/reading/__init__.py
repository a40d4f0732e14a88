"""What can be read of a run beside its facts: attempts, failures, lineage, blame, and who looked at what."""
