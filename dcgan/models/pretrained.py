"""`from_pretrained`, `save_pretrained`, `push_to_hub`, as the Hub's libraries have them.

Over the format of `checkpoint`: both networks of a model lie in one folder or repository.
huggingface_hub's ModelHubMixin is not used: it writes a config.json and a card of its own, and
would be a second way to download, with other errors than `checkpoint.load` and `hub`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Self, TypeVar

from huggingface_hub import ModelCard, ModelCardData
from torch import nn

from dcgan.models import checkpoint, hub, networks
from dcgan.models.checkpoint import Checkpoint

CARD = """---
{{ card_data }}
---

# {{ name }}

A DCGAN (arXiv 1511.06434) of {{ size }}x{{ size }} images; its prior is {{ prior }}, of
{{ z_size }} dimensions.

    from dcgan import Generator

    images = Generator.from_pretrained("{{ name }}").sample(16, seed=0)
"""
"""Template of the card of a model that is saved without one."""

Network = TypeVar("Network", bound=nn.Module)


class Generator(networks.Generator):
    """A generator with the methods of the Hub's libraries."""

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str | None = None) -> Self:
        """Load G, in eval mode, from a checkpoint folder or a Hub repository ("user/repo").

        Raises CheckpointError.
        """
        weights = checkpoint.load(source, revision)
        return _copied(cls(weights.config), weights.generator())

    def save_pretrained(
        self,
        folder: str | Path,
        discriminator: networks.Discriminator | None = None,
        card: str | None = None,
    ) -> Checkpoint:
        """Write a checkpoint; weights are rounded to half precision.

        discriminator: without it what needs D says so. card: Markdown of the README.md; by default
        one that says what the network is.
        """
        return checkpoint.save(
            folder, self, discriminator, card or default_card(self, Path(folder).name)
        )

    def push_to_hub(
        self,
        repo: str,
        discriminator: networks.Discriminator | None = None,
        card: str | None = None,
        *,
        private: bool = False,
        message: str | None = None,
    ) -> str:
        """Publish a checkpoint as the model "user/repo"; returns its address. Raises HubError."""
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, discriminator, card or default_card(self, repo))
            return hub.push_checkpoint(folder, repo, private, message)


class Discriminator(networks.Discriminator):
    """A discriminator that is loaded as the Hub's libraries do; `Generator` saves both."""

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str | None = None) -> Self:
        """Load D, in eval mode, as `Generator.from_pretrained`. Raises CheckpointError."""
        weights = checkpoint.load(source, revision)
        return _copied(cls(weights.config), weights.discriminator())


def default_card(generator: networks.Generator, name: str) -> str:
    """The card of a model called `name`, of `CARD`."""
    config = generator.config
    facts = ModelCardData(
        library_name="dcgan",
        pipeline_tag="unconditional-image-generation",
        tags=["dcgan", "gan", "arxiv:1511.06434"],
    )
    described = ModelCard.from_template(
        facts,
        template_str=CARD,
        name=name,
        size=config.image_size,
        prior=config.prior,
        z_size=config.z_size,
    )
    return str(described)


def _copied(network: Network, source: nn.Module) -> Network:
    network.load_state_dict(source.state_dict())
    return network.eval().requires_grad_(False)
