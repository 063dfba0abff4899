"""The program `ponte`: the same manifests as in a cluster, from a laptop or an on-premise server."""
