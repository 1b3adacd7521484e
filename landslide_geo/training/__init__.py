"""Losses, sampling, the training loop, thresholds, calibration and metrics."""
