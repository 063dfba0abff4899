"""Proposals: what a Mapping and manifests could be, from what two systems say of themselves. For a person to read."""
