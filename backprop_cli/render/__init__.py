"""A trace, a derivation or a finding to what is shown of it, in one format or another."""
