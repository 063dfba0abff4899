"""Tables for connectors: catalogue, statements, reading and writing once, above exchangeable drivers."""
