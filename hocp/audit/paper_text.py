"""Text of a copy of the paper, whatever it is kept as: PDF, HTML, Markdown or plain text."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

#: Largest file and most pages that are read; a paper has one megabyte and ten pages.
MOST_BYTES, MOST_PAGES = 64 * 2**20, 200
_SECONDS = 120


def read(path: str | Path) -> list[str]:
    """Texts of a document; of a PDF as laid out and as it flows, since a table may be whole in one alone.

    Raises
    ------
    ValueError
        If the file is too large, or is a PDF that cannot be read or that nothing here can read.
    FileNotFoundError
        If it is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; give the file of your copy of the paper")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size} bytes, expected at most {MOST_BYTES}: is it the paper?"
        )
    content = path.read_bytes()
    if content.lstrip()[:5] == b"%PDF-":
        return _pdf(path)
    text = content.decode("utf-8", "replace")
    looks_html = path.suffix.lower() in (".html", ".htm", ".xhtml") or "<html" in text[:2000].lower()
    return [_html(text) if looks_html else text]


def _pdf(path: Path) -> list[str]:
    """By poppler's pdftotext where it is installed, else by pypdf."""
    if program := shutil.which("pdftotext"):
        return [_pdftotext(program, path, option) for option in ("-layout", "-raw")]
    try:
        import pypdf
    except ImportError:
        raise ValueError(
            f"{path}: reading a PDF needs `pip install pypdf`, or pdftotext on the PATH; or save the "
            "paper as text or HTML and give that"
        ) from None
    try:
        pages = pypdf.PdfReader(path).pages[:MOST_PAGES]
        return [
            "\n".join(page.extract_text(extraction_mode="layout") for page in pages),
            "\n".join(page.extract_text() for page in pages),
        ]
    except Exception as error:  # a broken PDF may fail anywhere in the parser
        raise ValueError(f"{path}: cannot be read as a PDF: {type(error).__name__}: {error}") from None


def _pdftotext(program: str, path: Path, option: str) -> str:
    command = [program, option, "-enc", "UTF-8", "-l", str(MOST_PAGES), str(path.resolve()), "-"]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"{path}: pdftotext did not finish: {error}") from None
    if answer.returncode:
        said = answer.stderr.decode("utf-8", "replace").strip()[:300]
        raise ValueError(f"{path}: cannot be read as a PDF; pdftotext says: {said}")
    return answer.stdout.decode("utf-8", "replace")


def _html(text: str) -> str:
    """One line a row of a table, cells apart; one a paragraph or heading."""
    parser = _Lines()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts)


class _Lines(HTMLParser):
    """Collects text. What a page says twice, as MathML with its TeX, is taken once."""

    _BREAK = frozenset(
        [
            "p",
            "div",
            "br",
            "tr",
            "li",
            "table",
            "caption",
            "figcaption",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "section",
            "figure",
        ]
    )
    _SILENT = frozenset(("script", "style", "annotation", "annotation-xml"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag in self._SILENT:
            self._silent.append(tag)
        self.parts.append("\n" if tag in self._BREAK else " | " if tag in ("td", "th") else "")

    def handle_endtag(self, tag):
        if self._silent and tag == self._silent[-1]:
            self._silent.pop()
        self.parts.append("\n" if tag in self._BREAK else "")

    def handle_data(self, data):
        if not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))
