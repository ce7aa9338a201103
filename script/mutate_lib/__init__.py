"""Mutation testing of the core rules: small changes of the source, each of which a test should notice."""
