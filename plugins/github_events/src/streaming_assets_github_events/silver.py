"""The clean events: one flat row for each."""

from __future__ import annotations

from streaming_assets import Field, ScalarType, SilverTable

SILVER = SilverTable(
    description="One row for each public GitHub event.",
    # Where a repository was deleted, GitHub has served the bare name "/": that one has no owner.
    sql="""
SELECT
  type AS event_type,
  actor.id AS actor_id,
  actor.login AS actor_login,
  repo.id AS repo_id,
  repo.name AS repo_name,
  nullif(substring(repo.name, 1, greatest(locate('/', repo.name) - 1, 0)), '') AS org,
  payload.action AS action,
  public
FROM events
""",
    columns=(
        Field(name="event_type", type=ScalarType.STRING, description="`PushEvent`, `WatchEvent`, …"),
        Field(name="actor_id", type=ScalarType.LONG, description="Number of the account that acted."),
        Field(name="actor_login", type=ScalarType.STRING, description="Its name at that moment."),
        Field(name="repo_id", type=ScalarType.LONG, description="Number of the repository."),
        Field(name="repo_name", type=ScalarType.STRING, description="`<owner>/<repository>` at that moment."),
        Field(
            name="org",
            type=ScalarType.STRING,
            required=False,
            description="Owner part of `repo_name`, an organisation or a person; null where the name has none.",
        ),
        Field(
            name="action",
            type=ScalarType.STRING,
            required=False,
            description="What was done; null for event types that do not say.",
        ),
        Field(name="public", type=ScalarType.BOOLEAN, description="Whether everybody may see the event."),
    ),
)
