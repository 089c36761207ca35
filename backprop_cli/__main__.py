"""`python -m backprop_cli` is the program `backprop`."""

from backprop_cli.cli import run

run()
