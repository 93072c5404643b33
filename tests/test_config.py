"""ModelConfig: what is refused and why, what follows from it, and its JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest

from dcgan.config import IMAGENET32, MNIST, PAPER, SVHN, VERSION, ConfigError, ModelConfig

CONFIGS = {"paper": PAPER, "svhn": SVHN, "imagenet32": IMAGENET32, "mnist": MNIST}


@pytest.mark.parametrize(
    ("config", "shapes"),
    [
        (PAPER, [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32)]),
        (SVHN, [(256, 4, 4), (128, 8, 8), (64, 16, 16)]),
        (IMAGENET32, [(512, 4, 4), (512, 8, 8), (256, 8, 8), (256, 16, 16), (128, 16, 16),
                      (128, 32, 32)]),
        (MNIST, [(128, 7, 7), (64, 14, 14)]),
    ],
    ids=CONFIGS,
)  # fmt: skip
def test_layers_are_the_papers(config: ModelConfig, shapes: list[tuple[int, int, int]]) -> None:
    assert config.layer_shapes == tuple(shapes)
    assert config.base_size == shapes[0][1]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_json_gives_the_same_config(config: ModelConfig) -> None:
    text = config.to_json()
    assert ModelConfig.from_json(text) == config
    assert hash(ModelConfig.from_json(text)) == hash(config)
    assert ModelConfig.from_json(text).to_json() == text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"generator_widths": ()}, "generator_widths must list whole numbers >= 1, not ()"),
        ({"generator_kernels": 5}, "generator_kernels must list whole numbers >= 1, not 5"),
        ({"discriminator_widths": "128"}, "discriminator_widths must list whole numbers"),
        ({"discriminator_strides": (2, 2, 2, 0)}, "discriminator_strides must list whole numbers"),
        ({"generator_strides": (2, 2, 2, True)}, "generator_strides must list whole numbers"),
        ({"discriminator_kernels": (5, 5, 5, 5.0)}, "discriminator_kernels must list whole"),
        ({"image_size": 0}, "image_size must be a whole number >= 1, not 0"),
        ({"image_size": None}, "image_size must be a whole number >= 1, not None"),
        ({"channels": "3"}, "channels must be a whole number >= 1, not '3'"),
        ({"z_size": 100.0}, "z_size must be a whole number >= 1, not 100.0"),
        ({"hidden_dense": -1}, "hidden_dense must be a whole number >= 0 (0: none), not -1"),
        ({"classes": True}, "classes must be a whole number >= 0 (0: none), not True"),
        ({"prior": "gaussian"}, "prior must be one of uniform, normal, not 'gaussian'"),
        ({"first_layer": ["dense"]}, "first_layer must be one of convolution, dense, not ['dense"),
        ({"output": None}, "output must be one of tanh, sigmoid, not None"),
        ({"norm_eps": 0.0}, "norm_eps must lie between 0 and 1, not 0.0"),
        ({"norm_eps": float("nan")}, "norm_eps must lie between 0 and 1, not nan"),
        ({"norm_eps": "1e-5"}, "norm_eps must lie between 0 and 1, not '1e-5'"),
        (
            {"generator_kernels": (5, 5, 5)},
            "generator_widths, _kernels and _strides must be equally long, not 4, 3 and 4",
        ),
        (
            {"discriminator_strides": (2,) * 5},
            "discriminator_widths, _kernels and _strides must be equally long, not 4, 4 and 5",
        ),
        (
            {"generator_kernels": (5, 5, 5, 1)},
            "a kernel of 1 with stride 2 in the generator does not scale the picture by exactly",
        ),
        (
            {"discriminator_kernels": (5, 4, 5, 5), "discriminator_strides": (2, 1, 2, 2)},
            "a kernel of 4 with stride 1 in the discriminator does not scale",
        ),
        (
            {"image_size": 72},
            "image_size 72 is not divisible by the product of the generator's strides, 16",
        ),
        (
            {"image_size": 48, "discriminator_strides": (2, 2, 2, 4)},
            "image_size 48 is not divisible by the product of the discriminator's strides, 32",
        ),
    ],
)
def test_a_config_that_describes_no_network_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        ModelConfig(**fields)
    stored = json.loads(PAPER.to_json()) | fields
    with pytest.raises(ConfigError, match=re.escape(says.replace("()", "[]"))):
        ModelConfig.from_json(json.dumps(stored))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "config.json is not valid JSON"),
        ('{"version": 1', "config.json is not valid JSON"),
        ("[1]", "config.json must hold one JSON object"),
        ("{}", f"has version None, this code reads version {VERSION}: use the release that"),
        ('{"version": 2}', f"has version 2, this code reads version {VERSION}"),
        ('{"version": "1"}', "has version '1'"),
    ],
)
def test_json_that_is_no_config_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        ModelConfig.from_json(text)


def test_json_must_have_every_field_and_no_other() -> None:
    fields = json.loads(PAPER.to_json())
    del fields["norm_eps"]
    fields["dropout"] = 0.5
    with pytest.raises(ConfigError, match=r"missing \['norm_eps'\], unknown \['dropout'\]"):
        ModelConfig.from_json(json.dumps(fields))


def test_lists_become_tuples_and_fields_stay_as_they_are() -> None:
    config = ModelConfig(generator_widths=[8, 4, 4, 2])  # pyright: ignore[reportArgumentType]  (as JSON has it)
    assert config == ModelConfig(generator_widths=(8, 4, 4, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.z_size = 3  # pyright: ignore[reportAttributeAccessIssue]  (what is tested)
