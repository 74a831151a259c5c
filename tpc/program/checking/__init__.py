"""Syntax tree -> checked program: what statements declare, bind and break."""
