"""The operations: each module holds Functions and, below them, what users call."""
