"""Training at infinite width: a network and its `train` block -> a program unrolled over steps."""
