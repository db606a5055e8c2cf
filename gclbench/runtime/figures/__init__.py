"""Pictures of what trained nodes do: one module per family, all named in `registry`."""
