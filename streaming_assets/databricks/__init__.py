"""The Databricks workspace: who asks, wheels, compute, secrets, how a job ended. Alone knows databricks-sdk."""
