"""Wiring: manifests, connectors, ledger and engine become a run. Used by the CLI and, later, the agent."""

from ponte.runtime.runs import RunRequest, Runtime

__all__ = ["RunRequest", "Runtime"]
