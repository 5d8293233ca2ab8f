"""Contact sheets: generated faces over the valence-arousal plane, for people to look at."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data_prep.lookalike.expression import express
from data_prep.lookalike.faces import draw_shot, render
from data_prep.lookalike.identity import draw_identity
from data_prep.lookalike.scene import backdrop
from data_prep.lookalike.seeds import stream

_MARGIN = 46


def contact_sheet(seed: int = 0, *, size: int = 128, steps: int = 7) -> Image.Image:
    """
    Draw generated faces over the valence-arousal plane.

    Parameters
    ----------
    seed
        Decides the people; rows and columns stay.
    size
        Pixels of a side of one face's picture.
    steps
        Faces a row and a column.

    Returns
    -------
    PIL.Image.Image
        Columns: valence from -1 to 1; rows: arousal from 1 at the top to -1.
    """
    sheet = Image.new("RGB", (steps * size + _MARGIN, steps * size + _MARGIN), "white")
    levels = np.linspace(-1, 1, steps)
    for row, arousal in enumerate(levels[::-1]):
        for column, valence in enumerate(levels):
            face = example(stream(seed, "sheet", row, column), valence, arousal, size=size)
            sheet.paste(face, (_MARGIN + column * size, row * size))
    _label(sheet, levels, size)
    return sheet


def example(rng: np.random.Generator, valence: float, arousal: float, *, size: int) -> Image.Image:
    """Draw one face, undisturbed by speech, with the given affect."""
    who, shot = draw_identity(rng), draw_shot(rng)
    au = express(valence, valence, arousal)
    au[-3:] = rng.normal(0, (10, 5, 4))
    picture, _ = render(
        backdrop(rng, size, size), who, au=au, shot=shot, scale=size / 2.35, centre=(size / 2, size * 0.5)
    )
    return picture


def _label(sheet: Image.Image, levels: np.ndarray, size: int) -> None:
    """Write the axes."""
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for place, level in enumerate(levels):
        middle = (place + 0.5) * size
        draw.text(
            (_MARGIN + middle, sheet.height - 30), f"{level:+.2f}", fill="black", font=font, anchor="mm"
        )
        draw.text(
            (_MARGIN - 4, sheet.height - _MARGIN - middle),
            f"{level:+.2f}",
            fill="black",
            font=font,
            anchor="rm",
        )
    draw.text(
        (sheet.width / 2, sheet.height - 12),
        "valence (generated faces)",
        fill="black",
        font=font,
        anchor="mm",
    )
    draw.text((2, 8), "arousal", fill="black", font=font, anchor="lm")


def write_sheet(path: Path, *, seed: int = 0) -> None:
    """Write the contact sheet as a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    contact_sheet(seed).save(partial, format="PNG")
    partial.replace(path)
