"""from_pretrained, save_pretrained, push_to_hub; and arrays of latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import dcgan
from dcgan import Discriminator, Generator
from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError
from dcgan.rendering.engine import Model
from tests import tiny
from tests.models.test_hub import Person, server, user
from tests.test_classes import DIGITS

__all__ = ["server", "user"]  # fixtures

PUSH = """
import sys
from dcgan import Generator
generator = Generator.from_pretrained(sys.argv[1])
print(generator.push_to_hub("user/faces"))
again = Generator.from_pretrained("user/faces")
print((again.sample(4) == generator.sample(4)).all())
try:
    Generator.from_pretrained("user/nothing")
except Exception as error:
    print(type(error).__name__)
"""


def test_networks_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path / "tiny")
    generator = Generator.from_pretrained(tmp_path / "tiny")
    discriminator = Discriminator.from_pretrained(str(tmp_path / "tiny"))
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(discriminator(images), weights.discriminator()(images))
    assert (generator.sample(5) == weights.generator().sample(5)).all()
    assert not generator.training
    assert not any(parameter.requires_grad for parameter in generator.parameters())


def test_what_is_saved_is_loaded_again_also_by_load(tmp_path: Path) -> None:
    tiny.save(tmp_path / "tiny")
    generator = Generator.from_pretrained(tmp_path / "tiny")
    discriminator = Discriminator.from_pretrained(tmp_path / "tiny")
    saved = generator.save_pretrained(tmp_path / "mine", discriminator)
    assert saved.hash == checkpoint.load(tmp_path / "tiny").hash
    assert "A DCGAN (arXiv 1511.06434) of 16x16 images; its prior is uniform" in saved.card
    assert saved.metadata["library_name"] == "dcgan"
    alone = generator.save_pretrained(tmp_path / "alone", card="# Mine\n")
    assert alone.card == "# Mine\n"
    with pytest.raises(CheckpointError):
        Discriminator.from_pretrained(tmp_path / "alone")


def test_a_network_is_pushed_and_loaded_from_the_hub(user: Person, tmp_path: Path) -> None:
    tiny.save(tmp_path / "tiny")
    address, same, missing = user.script(PUSH, str(tmp_path / "tiny"))
    assert address.endswith("/user/faces")
    assert (same, missing) == ("True", "CheckpointError")


def test_samples_are_the_images_of_the_texts(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path / "tiny")
    rendered = dcgan.render(weights, [f"z(3,{index})" for index in range(5)])
    sampled = weights.generator().sample(5, seed=3, batch_size=2)
    assert np.abs(sampled.astype(int) - rendered).max() <= 1
    assert sampled.dtype == np.uint8


def test_latents_as_an_array_give_the_same_images(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path / "tiny")
    model = Model("tiny", weights)
    specs = [model.sample(3, index) for index in range(5)]
    z = np.stack([model.z(spec) for spec in specs])
    assert (dcgan.render(weights, z) == model.render(specs)).all()
    assert (dcgan.render(weights, z[0]) == model.render(specs)[0]).all()
    assert np.abs(weights.generator().render(z).astype(int) - model.render(specs)).max() <= 1


def test_latents_of_classes_take_labels(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path / "digits", DIGITS)
    model = Model("digits", weights)
    specs = [model.sample(3, index) for index in range(4)]
    z = np.stack([model.z(spec) for spec in specs])
    labels = np.array([spec.label for spec in specs])
    assert (dcgan.render(weights, z, labels) == model.render(specs)).all()
    with pytest.raises(ValueError, match="labels must be 4 class numbers"):
        dcgan.render(weights, z)


@pytest.mark.parametrize(
    ("z", "says"),
    [
        (np.zeros((2, 7)), r"latents must have the shape \(N, 8\), not \(2, 7\)"),
        (np.full((1, 8), np.nan), "latents must be finite numbers"),
        (np.zeros((0, 8)), "there is nothing to draw"),
    ],
)
def test_latents_that_can_not_be_rendered(tmp_path: Path, z: np.ndarray, says: str) -> None:
    weights = tiny.save(tmp_path / "tiny")
    with pytest.raises(ValueError, match=says):
        dcgan.render(weights, z)
