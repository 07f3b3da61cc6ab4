"""Prediction: frames from files, videos and cameras in, results in native pixels out."""
