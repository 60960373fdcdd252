"""Modules with the names and the behaviour of other libraries, on top of `plasma`."""
