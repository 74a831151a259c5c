"""The drivers: each takes a file's description through the stages, by name."""
