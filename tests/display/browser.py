"""Pages in headless Chromium, all of them in one process."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_HARNESS = """<!DOCTYPE html>
<meta charset="utf-8">
<pre id="out"></pre>
{frames}
<script>
onload = () => {{
  const out = {{}};
  const act = {{ {actions} }};
  try {{
    for (const frame of document.querySelectorAll("iframe")) out[frame.name] = act[frame.title](frame.contentWindow);
  }} catch (error) {{
    out.error = String(error.stack);
  }}
  document.getElementById("out").textContent = JSON.stringify(out);
}};
</script>
"""


def require_chromium() -> None:
    """Skip a test where there is no Chromium, or only a stub that would install it."""
    if CHROMIUM is None or subprocess.run([CHROMIUM, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no Chromium: apt-get install chromium")


def answers(folder: Path, actions: dict[str, str], pages: dict[str, str]) -> dict[str, Any]:
    """What JavaScript functions of a page's window return: of each page in the folder, by the name of the action."""
    assert CHROMIUM is not None
    frames = "\n".join(
        f'<iframe name="{page}" title="{action}" src="{page}" width="900"></iframe>' for page, action in pages.items()
    )
    functions = ", ".join(f"{name}: {code}" for name, code in actions.items())
    (folder / "harness.html").write_text(_HARNESS.format(frames=frames, actions=functions), encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
        "--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--dump-dom",
        (folder / "harness.html").as_uri(),
    ]  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if key != "DBUS_SESSION_BUS_ADDRESS"}
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=120, check=True, env=environment, cwd=folder
    )
    match = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stdout[-2000:] + done.stderr[-2000:]
    out: dict[str, Any] = json.loads(html.unescape(match[1]))
    assert "error" not in out, out["error"]

    return out
