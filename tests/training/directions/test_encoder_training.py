"""The encoder's training: it learns, sees changed pictures too, and writes its part of the card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import training.directions.encoder
from dcgan.analysis import encoder
from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError
from tests import tiny
from training.directions.encoder import (
    CARD_TITLE,
    replace_card_section,
    simulate_photographs,
    train_encoder,
)

CARD = "---\nlicense: mit\n---\n\n# Tiny\n"


def test_it_learns_and_says_what_it_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training.directions.encoder, "LOG_INTERVAL", 1)
    weights = tiny.save(tmp_path)
    said: list[str] = []
    facts = train_encoder(tmp_path, said.append, minutes=0.1)
    opened = encoder.load_encoder(weights)
    assert opened
    assert opened[1] == facts == json.loads((tmp_path / "encoder.json").read_text())["facts"]
    held_out = facts["held_out"]
    assert held_out["correlation"] > 0.5
    assert held_out["relative_error"] < 0.9
    assert said
    card = checkpoint.load(tmp_path).card
    assert card.startswith(tiny.CARD.rstrip())
    assert card.count(CARD_TITLE) == 1
    assert str(held_out["correlation"]) in card


def test_a_class_conditional_model_gets_none(tmp_path: Path) -> None:
    tiny.save(tmp_path, dataclasses.replace(tiny.CONFIG, classes=3))
    with pytest.raises(CheckpointError, match="draws classes"):
        train_encoder(tmp_path, print, minutes=0.01)


def test_changed_pictures_are_still_those_pictures() -> None:
    x = torch.linspace(-1, 1, 64).expand(4, 3, 64, 64).clone()
    found = simulate_photographs(x, np.random.default_rng(0))
    assert found.shape == x.shape
    assert found.min() >= -1
    assert found.max() <= 1
    difference = (found - x).abs().mean((1, 2, 3))
    assert (difference > 0.01).all()
    assert (difference < 0.3).all()
    again = simulate_photographs(x, np.random.default_rng(0))
    assert torch.equal(found, again)


def test_its_part_of_a_card_is_replaced() -> None:
    one = replace_card_section(CARD, f"{CARD_TITLE}\n\nOne.")
    assert one == f"{CARD}\n{CARD_TITLE}\n\nOne.\n"
    assert replace_card_section(one, f"{CARD_TITLE}\n\nTwo.") == one.replace("One", "Two")
    between = one.replace("\n## ", "\n## Before\n\nText.\n\n## ") + "\n## After\n\nText.\n"
    moved = replace_card_section(between, f"{CARD_TITLE}\n\nTwo.")
    assert moved.index("## Before") < moved.index("## After") < moved.index(CARD_TITLE)
    assert "One" not in moved
