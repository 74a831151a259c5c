"""Training of networks at infinite width."""
