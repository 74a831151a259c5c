"""The driver: the stages of the compiler by name, each from the product of the one before.

    read_source        file             -> text
    parse_source       text             -> Source, the syntax tree
    build_program      Source           -> Program, the checked dataflow graph
    normalise          Program          -> Program, with what the limit wants to see made plain
    derive_limit       Program          -> Limit, the equations
    emit_module        Limit            -> the evaluator module, as text
    simulate           Program          -> finite networks, averaged over trials
    verify             Program, module  -> finite networks held against the limit

Stages are imported where they are called: reading a program needs no simulator, and `tpc --help`
needs none of them.
"""
