"""The kill test: real processes that are killed, and an independent reader of what they leave behind."""
