"""The command line: its words, what each command does, what it reads and writes."""
