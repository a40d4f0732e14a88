"""The driver's side of a model session: what it is told, what it may try, what it came to, and what was learnt."""
