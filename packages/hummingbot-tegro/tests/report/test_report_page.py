"""The page about the report: its commands run in a home folder with a bot that has traded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from doc_pages import ROOT, texts

PAGE = ROOT / "docs" / "report.md"


def test_the_commands_of_the_page_run(make_database, installed_layout):
    database = make_database()
    bought = database.order("buy", "2000", "0.5", last_status="BuyOrderCompleted")
    database.fill(bought, "buy", "2000", "0.5")
    data = Path(installed_layout.env["HOME"]) / ".tegro" / "hummingbot" / "data"
    [commands] = texts(PAGE, "sh")
    path = f"{Path(sys.executable).parent}{os.pathsep}{installed_layout.env['PATH']}"
    (installed_layout.cwd / "data").mkdir()

    def bash(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=installed_layout.cwd,
            env=installed_layout.env | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    bash("tegro hummingbot init")
    for folder in (data, installed_layout.cwd / "data"):
        shutil.copy(database.path, folder / "conf_x.sqlite")
    said = bash(commands)
    assert "WETH-USDC" in said
    assert '"totals"' in said
    assert (installed_layout.cwd / "report.html").read_text().startswith("<!doctype html>")
