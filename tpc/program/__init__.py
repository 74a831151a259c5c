"""Programs, typed dataflow graphs: how they are made from a tree, their passes and their views."""
