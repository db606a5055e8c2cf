"""Trained encoders in and out: look at files, export nodes, embed images."""
