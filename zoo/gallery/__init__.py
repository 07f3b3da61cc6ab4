"""`zoo gallery`: what was measured of a checkpoint, as one page that needs no server and no script."""
