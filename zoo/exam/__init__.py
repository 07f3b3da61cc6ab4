"""Measuring a checkpoint on rendered and real frames."""
