"""What runs inside the sandbox to grade a row; the standard library only."""
