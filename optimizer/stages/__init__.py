"""The stages of a run that attempts decide, from the pre-flight to the certified number, and what they draw on."""
