"""`python -m gclbench` is `gclbench`."""

from gclbench.cli.start import main

if __name__ == "__main__":
    raise SystemExit(main())
