"""The dashboard's frame: who is at the screen, what they may open, navigation, look, and the watch for changes.

The pages are in ``views/``: Streamlit would open a folder named ``pages`` itself, without this frame, where the first
address asked for is a page's own. Started by ``streamlit run dashboards/app.py`` (``muster serve``) from any folder;
settings are beside, in ``.streamlit/config.toml``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.errors import StreamlitAuthError

sys.path[:0] = [] if str(Path(__file__).parents[1]) in sys.path else [str(Path(__file__).parents[1])]

from dashboards import access, data, parts, words  # noqa: E402 - the path above lets the file be run from anywhere
from dashboards.access import EVERYBODY, KEYS, Role, User  # noqa: E402
from pipelines.errors import MusterError  # noqa: E402

HERE = Path(__file__).parent
WATCH_SECONDS = 4
"""How often an open page looks for a new generation; it must show one within 10 seconds."""


ROOT = "dashboard"
"""What Streamlit calls the first page, which has no address but the dashboard's own."""


class Page(NamedTuple):
    """One page: its file in ``views/``, its title, and the roles that may open it; its address is `path`."""

    file: str
    title: str
    roles: tuple[Role, ...]
    path: str


COUNTS: tuple[Role, ...] = ("viewer",)
PAGES = (
    Page("now", "Now", KEYS, "now"),
    Page("now_counts", "Now", COUNTS, "now"),
    Page("incident", "Incident", KEYS, "incident"),
    Page("weekly", "Weekly", KEYS, "weekly"),
    Page("weekly_counts", "Weekly", COUNTS, "weekly"),
    Page("unregistered", "Unregistered trips", KEYS, "unregistered"),
    Page("compliance", "Compliance", KEYS, "compliance"),
    Page("ratings", "Ratings", EVERYBODY, "ratings"),
    Page("person", "Person", KEYS, "person"),
    Page("sql", "SQL", KEYS, "sql"),
    Page("data_health", "Data health", EVERYBODY, "data_health"),
)
"""Every page and who may open it. What a role may not open is not in its navigation and refused at its address."""


def state() -> tuple[str, str]:
    """What an open page depends on beyond its widgets: the generation, and who may see it."""
    try:
        who = repr(access.user())
    except MusterError as problem:
        who = str(problem)
    return str(data.generation_folder()), who


@st.fragment(run_every=WATCH_SECONDS)
def watch(seen: tuple[str, str]) -> None:
    """Run the page again when what it shows is no longer current, or the person may no longer see it."""
    if state() != seen:
        st.rerun(scope="app")


def forget_others(who: User | None) -> None:
    """Begin anew where this session was another person's or role's: nothing that was shown or made for it remains."""
    if st.session_state.get("who", who) != who:
        st.session_state.clear()
    if who:
        st.session_state["who"] = who


def show_person(who: User) -> None:
    """Who is signed in, and the way out."""
    if who.is_local:
        return
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="m-who-row"):
        st.html(f'<p class="m-facts">Signed in as <strong>{words.safe(who.name, 80)}</strong></p>', width="content")
        st.button("Sign out", on_click=st.logout, key="sign-out", type="secondary")


def ask_to_sign_in(problem: str) -> None:
    """The only thing shown before sign-in."""
    st.title("Muster")
    parts.notice("info", "Please sign in.", problem)
    if not st.button("Sign in", type="primary", key="sign-in"):
        return
    try:
        st.login()
    except StreamlitAuthError:
        text = "Whoever runs Muster mends it by 'muster check-config' and starts it again by 'muster serve'."
        parts.notice("alarm", "Sign-in is required here, but does not work.", text)


def refuse_person(problem: str) -> None:
    """All that a person without access sees."""
    st.title("Muster")
    parts.notice("warn", "There is nothing for you here.", problem)
    st.button("Sign out", on_click=st.logout, key="sign-out")


def refuse_role(role: Role) -> None:
    """What stands at the address of a page that a role may not open."""
    st.title("Not for your role")
    text = f"Your role is {role}; the pages that it opens are above. Ask your travel office if you need another."
    parts.notice("warn", "This page is not for your role.", text)


def show_problem(problem: str) -> None:
    """A setting that keeps everything from being shown."""
    st.title("Muster")
    parts.notice("alarm", "Nothing can be shown.", problem)


def only(show: Callable[[], None]) -> None:
    """Show one thing at every address."""
    paths = dict.fromkeys(page.path for page in PAGES)
    pages = [st.Page(show, title="Muster", url_path=path) for path in paths]
    pages.append(st.Page(show, title="Muster", url_path=ROOT, default=True))
    st.navigation(pages, position="hidden").run()


def main() -> None:
    """Draw the frame and run the chosen page."""
    st.set_page_config(page_title="Muster", page_icon=str(HERE / "static" / "icon.svg"), layout="wide")
    st.html(parts.STYLE)
    seen = state()
    try:
        who = access.user()
    except access.NotSignedIn as problem:
        forget_others(None)
        only(functools.partial(ask_to_sign_in, str(problem)))
    except access.NotAllowed as problem:
        forget_others(None)
        only(functools.partial(refuse_person, str(problem)))
    except MusterError as problem:
        only(functools.partial(show_problem, str(problem)))
    else:
        forget_others(who)
        navigate(who)
    watch(seen)


def navigate(who: User) -> None:
    """The pages of the person's role; at the addresses of the others, a refusal."""
    own = {page.path: page for page in PAGES if who.role in page.roles}
    refuse = functools.partial(refuse_role, who.role)
    pages = [
        st.Page(f"views/{page.file}.py", title=page.title, url_path=path)
        if path != PAGES[0].path
        else st.Page(f"views/{page.file}.py", title=page.title, url_path=ROOT, default=True)
        for path, page in own.items()
    ]
    pages += [
        st.Page(refuse, title=page.title, url_path=page.path, visibility="hidden")
        for page in PAGES
        if page.path not in own
    ]
    # The first page's address is that of the dashboard alone; whoever asks for it by its name is taken there.
    first = functools.partial(st.switch_page, pages[0])
    pages.append(st.Page(first, title=pages[0].title, url_path=PAGES[0].path, visibility="hidden"))
    chosen = st.navigation(pages, position="top")
    show_person(who)
    chosen.run()


main()
