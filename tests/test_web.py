"""The page's JavaScript that needs no browser, under node's own test runner (tests/web)."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from dcgan.paths import REPOSITORY

TESTS = sorted((REPOSITORY / "tests" / "web").glob("*.test.js"))


def test_modules_do_what_they_say() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed here: install Node.js 20 or later, as npm needs")
    result = subprocess.run(
        [node, "--test", "--test-reporter=tap", *map(str, TESTS)],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    passed = re.search(r"^# pass (\d+)$", result.stdout, re.MULTILINE)
    assert passed, result.stdout
    assert int(passed[1]) >= len(TESTS) > 0, result.stdout
