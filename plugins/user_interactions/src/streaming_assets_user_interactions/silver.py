"""The clean interactions: one flat row for each."""

from __future__ import annotations

from streaming_assets import Field, ScalarType, SilverTable

SILVER = SilverTable(
    description="One row for each interaction; `user_id` is a pseudonym.",
    # A viewers_count is about the video: whatever user stands in it takes no part in sessions or active viewers.
    # Its payload is digits by a rule of the schema; the pattern says so to the engines, too.
    sql="""
SELECT
  event AS event_type,
  CASE WHEN event <> 'viewers_count' THEN user_id END AS user_id,
  video_id,
  payload,
  CASE WHEN event = 'viewers_count' THEN try_cast(regexp_extract(payload, '^[0-9]{1,18}$', 0) AS BIGINT) END AS viewers
FROM events
""",
    columns=(
        Field(name="event_type", type=ScalarType.STRING, description="`join`, `leave`, `message`, `like`, …"),
        Field(
            name="user_id",
            type=ScalarType.STRING,
            required=False,
            description="Pseudonym of the viewer; null for `viewers_count`.",
        ),
        Field(name="video_id", type=ScalarType.STRING, description="The video."),
        Field(name="payload", type=ScalarType.STRING, required=False, description="Text that came with the event."),
        Field(
            name="viewers",
            type=ScalarType.LONG,
            required=False,
            description="Number of viewers at that moment; only for `viewers_count`.",
        ),
    ),
)
