"""A rehearsal of the Space: only requirements.txt, a fresh HOME, port 7860, nothing else writable.

Takes minutes where packages have to be fetched, so it has a virtual environment of its own that
is kept between runs (.venv/space), made anew when requirements.txt changes. `make test-space` runs
it alone, and CI does.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect

from tests.browser.conftest import painted

ROOT = Path(__file__).parents[2]
PORT = 7860


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter that has what requirements.txt names and nothing else."""
    requirements = (ROOT / "requirements.txt").read_bytes()
    constraints = (ROOT / "constraints.txt").read_bytes()
    key = hashlib.sha256(requirements + constraints).hexdigest()[:12]
    folder = ROOT / ".venv" / "space" / key
    if not (folder / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [folder / "bin/pip", "install", "-q", "-c", "constraints.txt"]
        subprocess.run([*install, "-r", "requirements.txt"], check=True, cwd=ROOT)
        (folder / "done").touch()
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def space(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            pytest.skip(f"port {PORT}, which a Space uses, is taken on this machine")
    folder = tmp_path_factory.mktemp("space")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "SPACE_ID": "user/dcgan",
        "GRADIO_SERVER_PORT": str(PORT),
        "GRADIO_SSR_MODE": "true",  # what the Hub sets; the page must not follow
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [python, ROOT / "tests" / "readonly.py", folder, ROOT / "app.py"]
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{PORT}"
            deadline = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                pytest.fail(f"the app did not start:\n{log.read_text()}")
            yield url
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()
            process.wait(30)
    assert "Traceback" not in log.read_text()


@pytest.mark.long
@pytest.mark.timeout(900)  # what is installed may have to be fetched
def test_the_space_serves_its_page_and_pictures(space: str) -> None:
    with urllib.request.urlopen(space) as response:
        assert b"gradio" in response.read()
    with urllib.request.urlopen(f"{space}/dcgan/models") as response:
        (faces,) = (model for model in json.load(response) if model["name"] == "faces")
    text = f"v1:faces@{faces['weights']}:z(1,0)"
    answer = Client(space, verbose=False).predict(text, api_name="/render")
    assert answer["spec"] == text


@pytest.mark.long
@pytest.mark.timeout(900)  # what is installed may have to be fetched
def test_a_link_names_the_space(space: str, browser: Browser) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(space)
    page.wait_for_selector("[data-painted]")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".dc-message")).to_have_text("Link copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == "https://huggingface.co/spaces/user/dcgan?spec=" + painted(page)
    page.get_by_role("button", name="Copy Python").click()
    expect(page.locator(".dc-message")).to_have_text("Python copied.")
    first, *_ = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert first == "# Once: hf download user/dcgan --repo-type space --local-dir dcgan"
    context.close()


def test_the_rehearsal_would_notice_a_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    program = tmp_path / "program.py"
    program.write_text(f"open({str(tmp_path / 'outside')!r}, 'w')")
    command = [sys.executable, ROOT / "tests" / "readonly.py", tmp_path / "inside", program]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert "PermissionError: open of" in found.stderr


def test_the_card_and_the_pins_agree() -> None:
    card = (ROOT / "README.md").read_text(encoding="utf-8")
    front = dict(re.findall(r"^(\w+): (.*)$", card.split("---")[1], re.MULTILINE))
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M))
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == pins["gradio"]
    assert front["app_file"] == "app.py"
    target = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["target-version"]
    assert front["python_version"].strip('"') == f"{target[2]}.{target[3:]}"
    assert len(front["short_description"]) <= 60
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or "==" in line


def test_constraints_hold_the_pins() -> None:
    def read(name: str) -> set[str]:
        lines = (ROOT / name).read_text().lower().replace("_", "-").splitlines()
        return {line for line in lines if "==" in line and not line.startswith("#")}

    pinned = (
        read("requirements.txt") | read("requirements-train.txt") | read("requirements-dev.txt")
    )
    assert pinned <= read("constraints.txt")
