"""A study becomes finished nodes: executor, events, and what one node does."""
