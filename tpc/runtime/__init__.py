"""What limits are computed with, a file for each idea: NumPy and the standard library alone.

These files are ordinary code, tested where they stand; `tpc.codegen.module` copies the parts that
a program needs, each behind a line `# <part NAME>`, into one module. In kets leading axes stand for
samples or for nodes of a grid, the constant axes follow. Lines are laid out so that formatters
leave them alone at any width.
"""
