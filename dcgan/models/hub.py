"""Publishing on the Hub: a checkpoint as a model repository, the page and its weights as a Space.

The token is that of `hf auth login` or HF_TOKEN, the Hub's address HF_ENDPOINT's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dcgan.models import checkpoint
from dcgan.paths import REPOSITORY, require_clone

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

Kind = Literal["model", "space"]


# All that is sent, less IGNORED_FILES; in these patterns * matches / as well
CHECKPOINT_FILES = (*checkpoint.FILES, "*.png")  # the card's pictures
SPACE_FILES = (
    "app.py",
    "requirements.txt",
    "README.md",
    "LICENSE",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "dcgan/*",
    "weights/*",
    "docs/*",
    "results/*",
)
IGNORED_FILES = (".*", "*/.*", "*__pycache__/*")
STAGES = "*/*"  # folders in a checkpoint's, which are checkpoints of their own


class HubError(Exception):
    """What could not be published; the message says why and what to do."""


def push_checkpoint(
    source: str | Path, repo: str, private: bool = False, message: str | None = None
) -> str:
    """Publish a checkpoint as the model "user/repo", where `load("user/repo")` finds it.

    Returns the repository's address. Raises CheckpointError, before anything is sent, for a
    source whose generator can't be read; HubError where the Hub or the network refuses.
    """
    api = _api(repo)
    weights = checkpoint.load(source)
    weights.generator()
    with _hub_errors(api, repo):
        address = _create(api, repo, "model", private)
        message = message or f"Weights {weights.hash}"
        without = (*IGNORED_FILES, STAGES)
        _upload(
            api, repo, "model", message, weights.folder, files=CHECKPOINT_FILES, without=without
        )
    return address


def push_space(repo: str, private: bool = False, message: str | None = None) -> str:
    """Publish this clone's page and weights as the Space "user/repo".

    Returns the Space's address. Raises HubError where the Hub or the network refuses, and, before
    anything is sent, NoCloneError or HubError where there is no page to publish.
    """
    require_clone("pushing a Space")
    api = _api(repo)
    for name in ("requirements.txt", "README.md"):
        if not (REPOSITORY / name).is_file():
            raise HubError(
                f"{REPOSITORY} has no {name}: push the Space from a clone of the repository"
            )
    with _hub_errors(api, repo):
        address = _create(api, repo, "space", private)
        message = message or "Page and weights"
        _upload(api, repo, "space", message, REPOSITORY, files=SPACE_FILES, without=IGNORED_FILES)
    return address


def _api(repo: str) -> HfApi:
    from huggingface_hub import HfApi, get_token

    if repo.count("/") != 1:
        raise HubError(f"{repo!r} is not the name of a repository, which is like user/repo")
    if get_token() is None:
        raise HubError(
            "there is no token for the Hub: run `hf auth login`, or set HF_TOKEN, with a token "
            "that may write"
        )
    return HfApi()


def _create(api: HfApi, repo: str, kind: Kind, private: bool) -> str:
    address = api.create_repo(
        repo,
        repo_type=kind,
        private=private or None,
        exist_ok=True,
        space_sdk="gradio" if kind == "space" else None,
    )
    if private and not api.repo_info(repo, repo_type=kind).private:
        raise HubError(
            f"{repo} is there already and public: make it private in its settings, or choose "
            "another name"
        )
    return address


def _upload(
    api: HfApi,
    repo: str,
    kind: Kind,
    message: str,
    folder: Path,
    *,
    files: Sequence[str],
    without: Sequence[str],
) -> None:
    """Files that are no longer in the folder are deleted from the repository, too."""
    api.upload_folder(
        repo_id=repo,
        repo_type=kind,
        folder_path=folder,
        allow_patterns=list(files),
        ignore_patterns=list(without),
        delete_patterns=list(files),
        commit_message=message,
    )


@contextmanager
def _hub_errors(api: HfApi, repo: str) -> Iterator[None]:
    """Turns what the Hub's client raises into a HubError."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        raise HubError(_hub_error(repo, error)) from None
    except (OSError, httpx2.TransportError) as error:
        raise HubError(
            f"{repo} could not be sent ({_line(error)}): push again when the Hub at "
            f"{api.endpoint} can be reached"
        ) from None
    except (ValueError, RuntimeError) as error:  # of a name, the card, or an upload that failed
        raise HubError(f"the Hub does not take {repo}: {_line(error)}") from None


def _hub_error(repo: str, error: HfHubHTTPError) -> str:
    status = error.response.status_code
    said = _line(error.server_message or error.response.reason_phrase)
    advice = ": check that the token is valid and may write there" if status in (401, 403) else ""
    return f"the Hub refused {repo} ({status}, {said}){advice}"


def _line(message: object) -> str:
    return " ".join(str(message).split())
