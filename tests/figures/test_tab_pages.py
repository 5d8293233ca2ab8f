"""The page of a table, read back with the standard library's parser."""

from html.parser import HTMLParser

from figures.pages import page
from figures.tables import Block, Column


class Cells(HTMLParser):
    """Rows of a page as lists of texts; anything fetched from outside."""

    def __init__(self, text: str):
        super().__init__()
        self.rows, self.outside, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.outside += [value for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def test_page_holds_the_cells_and_nothing_from_outside():
    columns = [Column(name="method"), Column(name="CCC", group="valence", align="r")]
    rows = [["static"], ["a < b & c", "0.71"]]
    read = Cells(page("tab_x", [Block(title="T", columns=columns, rows=rows, notes=["n"])]))
    assert read.rows == [["", "valence"], ["method", "CCC"], ["static"], ["a < b & c", "0.71"]]
    assert read.outside == []
