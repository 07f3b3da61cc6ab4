"""Weights that have versions: what changed from parent to child, compared, promoted, rolled back, merged."""
