"""Program -> the equations of its infinite-width limit."""
