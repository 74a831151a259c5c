"""Syntax tree -> checked program, a typed dataflow graph; its passes and views."""
