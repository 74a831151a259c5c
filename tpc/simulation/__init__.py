"""Program -> finite-width runs; looks at no limit equation."""
