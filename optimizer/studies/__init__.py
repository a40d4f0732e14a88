"""Studies of Ratchet itself: nights that differ in one thing, and verdicts held against what is known to be true."""
