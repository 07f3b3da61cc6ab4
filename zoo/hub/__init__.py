"""Checkpoints: what is released, how it is saved, verified and loaded."""
