"""The tables for readers: events by type, sessions of each user, activity of each video."""

from __future__ import annotations

from streaming_assets import Chart, Field, GoldTable, ScalarType

WINDOW = (
    Field(name="window_start", type=ScalarType.TIMESTAMP, description="Start of the window, UTC, inclusive."),
    Field(name="window_end", type=ScalarType.TIMESTAMP, description="End of the window, UTC, exclusive."),
)

EVENTS_BY_TYPE = GoldTable(
    name="events_by_type",
    description="How many events of each kind happened in each minute.",
    window="1 minute",
    sql="""
SELECT window_start, window_end, event_type, count(*) AS events
FROM silver
GROUP BY window_start, window_end, event_type
""",
    columns=(
        *WINDOW,
        Field(name="event_type", type=ScalarType.STRING, description="`join`, `leave`, `message`, `like`, …"),
        Field(name="events", type=ScalarType.LONG, description="Number of events."),
    ),
    keys=("window_start", "event_type"),
    charts=(
        Chart(kind="area", title="Events by type", x="window_start", y="events", series="event_type", aggregate="sum"),
    ),
)

USER_SESSIONS = GoldTable(
    name="user_sessions",
    description="When each user was there: a gap of more than 30 minutes between two events starts a new session.",
    per="user_id",
    # 1800000000 µs are 30 minutes. RANGE, not ROWS: events of the same microsecond belong to the same session
    # whatever order they are read in. Rows without user take no part, and viewers_count has none.
    sql="""
WITH marked AS (
  SELECT
    user_id,
    event_time,
    CASE
      WHEN unix_micros(event_time) - lag(unix_micros(event_time)) OVER (PARTITION BY user_id ORDER BY event_time)
        <= 1800000000 THEN 0
      ELSE 1
    END AS starts
  FROM silver
),
numbered AS (
  SELECT
    user_id,
    event_time,
    sum(starts) OVER (
      PARTITION BY user_id ORDER BY event_time RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS session
  FROM marked
)
SELECT
  user_id,
  min(event_time) AS session_start,
  max(event_time) AS session_end,
  (unix_micros(max(event_time)) - unix_micros(min(event_time))) DIV 1000000 AS session_seconds,
  count(*) AS events
FROM numbered
GROUP BY user_id, session
""",
    columns=(
        Field(name="user_id", type=ScalarType.STRING, description="Pseudonym of the user."),
        Field(name="session_start", type=ScalarType.TIMESTAMP, description="First event of the session, UTC."),
        Field(name="session_end", type=ScalarType.TIMESTAMP, description="Last event of the session, UTC."),
        Field(name="session_seconds", type=ScalarType.LONG, description="Whole seconds from first to last event."),
        Field(name="events", type=ScalarType.LONG, description="Number of events in the session."),
    ),
    keys=("user_id", "session_start"),
    charts=(
        Chart(kind="metric", title="Sessions", y="session_start", aggregate="count"),
        Chart(kind="metric", title="Mean session, seconds", y="session_seconds", aggregate="mean"),
        Chart(kind="table", title="Latest sessions", sort="session_start", limit=20),
        Chart(kind="table", title="Longest sessions", sort="session_seconds", limit=20),
    ),
)

VIDEO_ACTIVITY = GoldTable(
    name="video_activity",
    description="How lively each video was in each hour: viewers, messages and their peaks.",
    window="1 hour",
    # Two plain aggregates are half the work of one window function over all rows.
    sql="""
WITH minutes AS (
  SELECT window_start, video_id, date_trunc('MINUTE', event_time) AS minute, count(*) AS messages
  FROM silver
  WHERE event_type = 'message'
  GROUP BY window_start, video_id, date_trunc('MINUTE', event_time)
),
peaks AS (
  SELECT window_start, video_id, max(messages) AS messages
  FROM minutes
  GROUP BY window_start, video_id
),
totals AS (
  SELECT
    window_start,
    window_end,
    video_id,
    count(DISTINCT user_id) AS active_viewers,
    count(CASE WHEN event_type = 'message' THEN 1 END) AS messages,
    max(viewers) AS peak_viewers
  FROM silver
  GROUP BY window_start, window_end, video_id
)
SELECT
  totals.window_start,
  totals.window_end,
  totals.video_id,
  totals.active_viewers,
  totals.messages,
  coalesce(peaks.messages, 0) AS peak_messages_per_minute,
  totals.peak_viewers
FROM totals
LEFT JOIN peaks ON totals.window_start = peaks.window_start AND totals.video_id = peaks.video_id
""",
    columns=(
        *WINDOW,
        Field(name="video_id", type=ScalarType.STRING, description="The video."),
        Field(name="active_viewers", type=ScalarType.LONG, description="Number of distinct users who did something."),
        Field(name="messages", type=ScalarType.LONG, description="Number of events of the kind `message`."),
        Field(
            name="peak_messages_per_minute",
            type=ScalarType.LONG,
            description="Most messages in one clock minute of the hour; 0 without messages.",
        ),
        Field(
            name="peak_viewers",
            type=ScalarType.LONG,
            required=False,
            description="Highest `viewers_count` of the hour; null without one.",
        ),
    ),
    keys=("window_start", "video_id"),
    charts=(
        # Distinct counts of several hours can't be added up, so the newest hour stands alone.
        Chart(
            kind="bar",
            title="Active viewers by video, latest hour",
            x="video_id",
            y="active_viewers",
            latest=True,
            sort="active_viewers",
            limit=10,
        ),
        Chart(
            kind="bar",
            title="Busiest minute of chat by video, latest hour",
            x="video_id",
            y="peak_messages_per_minute",
            latest=True,
            sort="peak_messages_per_minute",
            limit=10,
        ),
        Chart(kind="line", title="Peak viewers by hour", x="window_start", y="peak_viewers", series="video_id"),
    ),
)

GOLD = (EVENTS_BY_TYPE, USER_SESSIONS, VIDEO_ACTIVITY)
