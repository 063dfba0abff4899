"""Generator of CRDs, JSON Schemas and reference pages; not a part of the product."""
