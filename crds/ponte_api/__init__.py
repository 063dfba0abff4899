"""The API of Ponte: pydantic models of its five kinds and of what a run reports."""
