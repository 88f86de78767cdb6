"""Steps done by jobs of a Databricks workspace: how Dagster launches and follows one, and what the job does."""
