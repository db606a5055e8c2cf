"""Finished nodes become numbers: scores, frames, tables and plots; nothing is planned or run."""
