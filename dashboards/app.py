"""The dashboard's frame: navigation, look, and the watch for a new generation.

The pages are in ``views/``: Streamlit would open a folder named ``pages`` itself, without this frame, where the first
address asked for is a page's own. Started by ``streamlit run dashboards/app.py`` (``muster serve``) from any folder;
settings are beside, in ``.streamlit/config.toml``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

sys.path[:0] = [] if str(Path(__file__).parents[1]) in sys.path else [str(Path(__file__).parents[1])]

from dashboards import data, parts  # noqa: E402 - the path above lets the file be run from anywhere

HERE = Path(__file__).parent
WATCH_SECONDS = 4
"""How often an open page looks for a new generation; it must show one within 10 seconds."""


@st.fragment(run_every=WATCH_SECONDS)
def watch(seen: str) -> None:
    """Run the page again when the publication that it shows is no longer the current one."""
    if str(data.generation_folder()) != seen:
        st.rerun(scope="app")


def main() -> None:
    """Draw the frame and run the chosen page."""
    st.set_page_config(page_title="Muster", page_icon=str(HERE / "static" / "icon.svg"), layout="wide")
    st.html(parts.STYLE)
    seen = str(data.generation_folder())
    page = st.navigation(
        [
            st.Page("views/now.py", title="Now", default=True),
            st.Page("views/incident.py", title="Incident"),
            st.Page("views/weekly.py", title="Weekly"),
            st.Page("views/unregistered.py", title="Unregistered trips"),
            st.Page("views/compliance.py", title="Compliance"),
            st.Page("views/ratings.py", title="Ratings"),
            st.Page("views/person.py", title="Person"),
            st.Page("views/sql.py", title="SQL"),
            st.Page("views/data_health.py", title="Data health"),
        ],
        position="top",
    )
    page.run()
    watch(seen)


main()
