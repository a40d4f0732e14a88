"""Drawing a run's events: one board of what they come to, and one renderer for each kind of reader."""
