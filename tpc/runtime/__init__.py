"""What limits are computed with, a file for each idea: NumPy and the standard library alone.

The compiler imports these files, and generated modules carry what they call of them
(`tpc.codegen.linker`). In kets leading axes stand for samples or for nodes of a grid, the constant
axes follow. No two files define one name, and lines are laid out so that formatters leave them
alone at any width.
"""
