"""Syntax tree -> checked network: architectures, `train` blocks and declared optimizers."""
