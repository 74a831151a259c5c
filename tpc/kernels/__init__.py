"""Kernels: the limit of two inputs, evaluated for all pairs of a data set.

Limit of a pair -> Plan, steps over arrays -> NNGP and NTK matrices, tile by tile
"""
