"""The report in headless Chromium, without a network: what a reader sees after a click."""

import html
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_CLICK = """<script>
window.problems = [];
window.onerror = message => { window.problems.push(message); };
setTimeout(async () => {
  for (const word of %s) {
    const all = [...document.querySelectorAll("a,button,li,span,td,div")];
    const found = all.filter(e => e.textContent.trim() == word);
    if (found.length) found.pop().click(); else window.problems.push("nothing to click: " + word);
    await new Promise(done => setTimeout(done, 500));
  }
  document.title = "problems: " + JSON.stringify(window.problems);
}, 1000);
</script>"""


def seen(page: Path, words: list[str], scratch: Path) -> tuple[str, str]:
    """Text of a page after clicking on `words` one after the other, and the problems that it met."""
    text = page.read_text("utf-8")
    end = text.rindex("</body>")  # scripts in the page hold the word too
    changed = scratch / "clicked.html"
    changed.write_text(text[:end] + _CLICK % words + text[end:], "utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=10000",
        "--dump-dom",
    ]
    offline = ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={scratch / 'profile'}"]
    answer = subprocess.run(
        [*command, *offline, changed.as_uri()], capture_output=True, text=True, timeout=120
    )
    body = re.sub(r"(?s)<script.*?</script>|<style.*?</style>", " ", answer.stdout)
    title = re.search(r"<title>(.*?)</title>", answer.stdout, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", body)), title[1] if title else "no title"
