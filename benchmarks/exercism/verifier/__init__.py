"""What runs inside the sandbox to test a solution; the standard library only."""
