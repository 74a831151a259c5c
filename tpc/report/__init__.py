"""Limit and results -> text, LaTeX, JSON and figures."""
