"""Types of layers: one frozen record each, from which keys, schema, docs and equations follow."""
