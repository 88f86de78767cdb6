"""The Databricks workspace: who asks, wheels, compute, secrets, ends. Knows databricks-sdk, as `defs/databricks/`."""
