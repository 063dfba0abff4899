"""Loading of manifests: files to models, with every fault's file and line."""

from ponte.manifests.collection import Manifests, Replaced, Resource
from ponte.manifests.faults import Fault
from ponte.manifests.loading import load

__all__ = ["Fault", "Manifests", "Replaced", "Resource", "load"]
