"""The grammar of `.tp` files, shipped as data."""
