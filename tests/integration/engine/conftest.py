"""The kills' fixtures, for the fast tier too."""

from __future__ import annotations

from faults.conftest import nursery, theatre

__all__ = ["nursery", "theatre"]
