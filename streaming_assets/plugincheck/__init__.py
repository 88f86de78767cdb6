"""What is wrong with plugins, each fault with its file and line; no code runs that loading them does not run."""
