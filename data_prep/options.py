"""Values on the command line, written as the configuration writes them."""

import argparse


def flag(text: str) -> bool:
    """Read ``true`` or ``false``."""
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected true or false") from None


def positive(text: str) -> int:
    """Read an integer above zero."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected an integer above zero")
    return int(text)


def margin(text: str) -> float:
    """Read the side of a crop over that of the box: a number from 0.5 to 5."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.5 <= value <= 5:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 0.5 to 5")
    return value


def delay(text: str) -> float:
    """Read seconds from 0 to 10 in tenths, the step of the labels that are moved by them."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10 or abs(10 * value - round(10 * value)) > 1e-6:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds from 0 to 10 in steps of 0.1")
    return round(value, 1)
