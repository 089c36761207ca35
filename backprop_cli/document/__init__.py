"""Traces, chains, tensors, functions of free inputs and checks to one kind of document."""
