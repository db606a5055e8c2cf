"""Completion in shells: what fits at the cursor, told in the form that a shell's script reads.

Every answer has 0.3 s: nothing here imports typer, torch, pandas or rich.
"""
