"""Pure functions on batched tensors: cameras, rotations, the two-sphere eye, ellipses, posed views of rooms.

No modules, no state, no I/O. Every function takes any leading batch dimensions (``*b``, broadcast against
each other), keeps the float type and the device it is given, is differentiable (first derivatives), and
runs a fixed number of steps, so that it compiles. Lengths are in one unit throughout (millimetres for eyes,
metres for rooms), angles in radians, frames as `zoo.conventions` states.
"""
