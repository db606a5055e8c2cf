"""gclbench: which gains of unsupervised person re-identification are real."""

__version__ = "0.1.0"
