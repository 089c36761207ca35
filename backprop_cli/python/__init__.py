"""The functions and objects that are called from Python; `backprop_cli` gives them out."""
