"""The engine: open, extract, map, diff, claim, deliver, commit, close. Pure: no network, clock or environment."""
