"""HTTP for connectors: guard, credentials, retries and limits once, above exchangeable transports."""
