"""Calibration of one person: from known targets to a correction of the visual axis.

`targets` reads the table, `samples` joins it with predictions, `checks` refuses what cannot be right, `fit`
(with `robust`) finds the correction, `calibration` holds and applies it, `file` keeps it on disk, `adopt`
takes it for a run of `zoo predict`, and `run` is `zoo calibrate`.
"""
