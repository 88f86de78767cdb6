"""What computes and commits the tables: one protocol, one implementation for each place to run."""
