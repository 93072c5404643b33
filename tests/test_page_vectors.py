"""page.json is what Python computes; tests/web/page-vectors.test.js holds JavaScript against it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcgan.latents.spec import SpecError, parse
from dcgan.ui.serving.http import RequestError, error_sentence, read_spec
from tests.vectors import make, page

STORED = json.loads(make.PAGE.read_text())


@pytest.fixture(scope="module")
def computed() -> dict[str, Any]:
    return json.loads(json.dumps(page.vectors()))


def test_all_sections_are_stored(computed: dict[str, Any]) -> None:
    assert STORED.keys() == computed.keys()


@pytest.mark.parametrize("section", STORED)
def test_the_stored_vectors_are_what_the_code_computes(
    section: str, computed: dict[str, Any]
) -> None:
    found, expected = computed[section], STORED[section]
    if section == "steps":
        for one, stored in zip(found, expected, strict=True):
            for name in ("mean", "largest"):
                assert one.pop(name) == pytest.approx(stored.pop(name), abs=0.001)
    assert found == expected, "run python -m tests.vectors.make"


@pytest.mark.parametrize("text", page.TEXTS)
def test_a_text_is_checked_in_the_words_in_which_it_is_refused(text: str) -> None:
    try:
        read_spec(f"v1:{text}", page.engine())
        found = None
    except RequestError as error:
        found = str(error)
    except SpecError as error:
        found = error_sentence(error)
    assert found == page.says(f"v1:{text}")


def test_a_walk_shows_its_keyframes_as_they_are() -> None:
    """With their own edits and class, the last one of an open walk, too."""
    for walk in STORED["walks"]:
        texts, keyframes = walk["texts"], walk["keyframes"]
        assert texts[0] == keyframes[0]
        if not walk["closed"] and len(texts) > 1:
            assert texts[-1] == keyframes[-1]
        assert not [text for text in texts if "lerp(0," in text or "lerp(1," in text]
        assert [str(parse(text)) for text in texts] == texts
