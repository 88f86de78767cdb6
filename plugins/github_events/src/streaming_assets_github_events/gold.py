"""The tables for readers: events per type, active users per organisation, the busiest repositories."""

from __future__ import annotations

from streaming_assets import Chart, Field, GoldTable, ScalarType

WINDOW = (
    Field(name="window_start", type=ScalarType.TIMESTAMP, description="Start of the window, UTC, inclusive."),
    Field(name="window_end", type=ScalarType.TIMESTAMP, description="End of the window, UTC, exclusive."),
)

EVENTS_PER_TYPE = GoldTable(
    name="events_per_type",
    description="How many events of each type happened in each minute.",
    window="1 minute",
    sql="""
SELECT window_start, window_end, event_type, count(*) AS events
FROM silver
GROUP BY window_start, window_end, event_type
""",
    columns=(
        *WINDOW,
        Field(name="event_type", type=ScalarType.STRING, description="`PushEvent`, `WatchEvent`, …"),
        Field(name="events", type=ScalarType.LONG, description="Number of events."),
    ),
    keys=("window_start", "event_type"),
    charts=(
        Chart(kind="bar", title="Events by type", x="window_start", y="events", series="event_type", aggregate="sum"),
    ),
)

ACTIVE_USERS_PER_ORG = GoldTable(
    name="active_users_per_org",
    description="How many different accounts acted on the repositories of each owner in each hour.",
    window="1 hour",
    # A repository name without an owner part belongs to nobody who could be counted.
    sql="""
SELECT window_start, window_end, org, count(DISTINCT actor_login) AS active_users
FROM silver
WHERE org IS NOT NULL
GROUP BY window_start, window_end, org
""",
    columns=(
        *WINDOW,
        Field(name="org", type=ScalarType.STRING, description="Owner of the repositories."),
        Field(name="active_users", type=ScalarType.LONG, description="Number of distinct logins, exact."),
    ),
    keys=("window_start", "org"),
    # Distinct counts of several hours can't be added up, so the newest hour stands alone.
    charts=(
        Chart(
            kind="table",
            title="Active users by organisation, latest hour",
            x="org",
            y="active_users",
            latest=True,
            sort="active_users",
            limit=20,
        ),
    ),
)

TOP_REPOSITORIES = GoldTable(
    name="top_repositories",
    description="How many events each repository had in each five minutes; readers rank them over any span.",
    window="5 minutes",
    sql="""
SELECT window_start, window_end, repo_name, count(*) AS events
FROM silver
GROUP BY window_start, window_end, repo_name
""",
    columns=(
        *WINDOW,
        Field(name="repo_name", type=ScalarType.STRING, description="`<owner>/<repository>`."),
        Field(name="events", type=ScalarType.LONG, description="Number of events."),
    ),
    keys=("window_start", "repo_name"),
    charts=(
        Chart(
            kind="bar",
            title="Busiest repositories",
            x="repo_name",
            y="events",
            aggregate="sum",
            sort="events",
            limit=10,
        ),
    ),
)

GOLD = (EVENTS_PER_TYPE, ACTIVE_USERS_PER_ORG, TOP_REPOSITORIES)
