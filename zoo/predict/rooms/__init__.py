"""Predicting rooms: depth of every frame of a capture, its points, and one mesh of all."""
