"""The dashboard: `streamlit run dashboard/app.py`, or `streaming-assets up`."""

from __future__ import annotations

from streaming_dashboard.page import show_page

show_page()
