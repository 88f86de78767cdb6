"""The Delta tables: where they lie, what they look like, how they are read and committed."""
