"""What a run tells while it works, and to whom."""
