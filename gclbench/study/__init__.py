"""A question resolved: what would run, what it needs from outside, what it costs."""
