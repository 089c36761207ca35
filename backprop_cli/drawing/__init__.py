"""The computation graph of a trace: laid out, and drawn as SVG or in the terminal."""
