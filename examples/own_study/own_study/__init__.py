"""Components for gclbench that live outside of it."""
