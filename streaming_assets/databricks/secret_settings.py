"""What a job takes from a secret scope: settings that are secrets, and the user they belong to, by their names."""

from __future__ import annotations

from databricks.sdk import WorkspaceClient

from streaming_assets.databricks.workspace import refusals_told

NAMES = ("kafka_config", "kafka_sasl_password", "kafka_sasl_username", "pseudonym_key", "spark_kafka_config")
"""Settings that a job takes from its scope; a key of the scope has the name of its setting."""


def read_secrets(client: WorkspaceClient, scope: str) -> dict[str, str]:
    """Return the settings that a secret scope has; keys of other names are left alone.

    Raises:
        WorkspaceRefused: The scope does not exist, or who runs the job may not read it.
    """
    with refusals_told(client, f"read the secret scope {scope}", setting="databricks_secret_scope"):
        secrets = client.dbutils.secrets
        there = {secret.key for secret in secrets.list(scope)}
        return {name: secrets.get(scope, name) for name in NAMES if name in there}
