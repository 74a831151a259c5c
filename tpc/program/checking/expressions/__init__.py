"""Expression of a syntax tree -> its value: a static, a scaled matrix, or a node of the graph."""
