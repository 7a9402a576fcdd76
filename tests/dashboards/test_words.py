from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations

import numpy as np
import pytest

from dashboards import words

AT = datetime(2026, 7, 12, 9, 0)

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def lab(colour: str, vision: str) -> np.ndarray:
    rgb = np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = np.cbrt(np.maximum(xyz / [0.95047, 1, 1.08883], 1e-9))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_level_colours_are_told_apart(vision: str) -> None:
    for one, other in combinations(words.LEVELS.values(), 2):
        assert np.linalg.norm(lab(one.fill, vision) - lab(other.fill, vision)) > 20, (one.word, other.word)


def test_a_higher_level_is_darker_and_its_ink_readable() -> None:
    shades = [luminance(words.LEVELS[number].fill) for number in range(1, 6)]
    assert shades == sorted(shades, reverse=True)
    for level in [*words.LEVELS.values(), words.UNKNOWN]:
        light, dark = sorted((luminance(level.fill), luminance(level.ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, level.word


@pytest.mark.parametrize("number", [None, 0, 6])
def test_what_is_no_level_is_unknown_never_low(number: int | None) -> None:
    assert words.level_of(number) is words.UNKNOWN
    assert "unknown" in words.badge(number)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=5), "5 hours"),
        (timedelta(hours=35), "35 hours"),
        (timedelta(hours=36), "2 days"),
        (timedelta(days=41), "41 days"),
    ],
)
def test_a_span_is_said_in_its_largest_unit(length: timedelta, text: str) -> None:
    assert words.span(length) == text


def test_a_moment_marks_its_zone() -> None:
    assert words.moment(AT, "Europe/London") == "Sun 12 Jul 2026 10:00 BST"
    assert words.moment(AT, "Europe/London", AT) == "Sun 12 Jul 10:00 BST"
    assert words.moment(AT, "Asia/Dubai", AT) == "Sun 12 Jul 13:00 UTC+04"
    assert words.moment(None, "UTC") == "not known"


def test_text_of_a_feed_is_never_markup() -> None:
    assert words.safe("<b>&\"'") == "<bdi>&lt;b&gt;&amp;&quot;&#x27;</bdi>"
    long = words.safe("x" * 500, 100)
    assert 'class="m-long"' in long and "…" in long


def test_countries_have_names_and_map_codes() -> None:
    assert words.country_name("XK") == "Kosovo"
    assert words.country_alpha_3("XK") == "XKX"
    assert words.country_alpha_3("GB") == "GBR"
    assert words.country_name(None) == "Country not known"
    assert words.country_alpha_3("") is None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Luiz Chen-Williams (Jr.)", "Luiz Chen-Williams (Jr.)"),
        ("22 Nov to 6 Dec 2026", "22 Nov to 6 Dec 2026"),
        ("**bold** [x](http://a)", "\\*\\*bold\\*\\* \\[x\\](http\u2060\\://a)"),
        ("- item", "\\- item"),
        ("# one", "\\# one"),
        ("1. one", "1\\. one"),
        ("a\\*b", "a\\\\\\*b"),
    ],
)
def test_a_label_is_read_as_it_is_written_and_means_nothing(text: str, label: str) -> None:
    assert words.label(text) == label
