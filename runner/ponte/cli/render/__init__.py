"""How things are shown: pure functions from data to lines of text."""
