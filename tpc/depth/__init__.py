"""Infinite depth: what a loop over a depth does to kernels, round by round and as a flow.

stages      Network -> the networks before, inside and behind the loop
programs    a stage -> the program of two states, whose limit is the round's map
orders      the plan of that program -> its power series in L
rounds      a plan, evaluated on arrays of states
recursion, flow, planes, plane_limit
loops       all of them for a tile of pairs, with errors
training    whether training has a limit in depth; extrapolation takes it
flow_training, closure, gains   its closed equations
"""
