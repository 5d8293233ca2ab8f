"""Who talks with whom in the generated SEWA segments, and what the segments are called."""

from dataclasses import dataclass

import numpy as np

# Subjects by number of segments in the official list of 538: 109 have one, 97 two, ...
SEGMENTS_PER_SUBJECT = np.array([109, 97, 49, 13, 6, 1], float)
# Session numbers of every culture code in the official list. Which culture a code means is in metadata.ini.
SESSIONS = {1: (1, 31), 2: (33, 62), 3: (63, 93), 4: (95, 126), 5: (128, 163), 6: (164, 191)}
CULTURES = ("Chinese", "English", "German", "Greek", "Hungarian", "Serbian")
MOST_PEOPLE = 275  # as in the official list
BOTH_PARTNERS = 102 / 173  # share of the sessions in which both partners have segments


@dataclass(frozen=True)
class Person:
    """One person in one chat."""

    session: int
    subject: int  # 2 S - 1 or 2 S
    code: int  # culture code, 1 to 6
    culture: str
    segments: int


def cast(rng: np.random.Generator, segments: int, subjects: int | None = None) -> list[Person]:
    """
    Draw the people and how many segments each has.

    Parameters
    ----------
    rng
        Source of the draw.
    segments
        In all.
    subjects
        People; by default as many as the official ratio gives, at least 8.
    """
    people = subjects or min(segments, max(8, round(segments / 1.96)))
    if not 6 <= people <= segments:
        raise ValueError(
            f"{people} subjects for {segments} segments, expected 6 to {segments}: see --subjects"
        )
    counts = 1 + rng.choice(
        len(SEGMENTS_PER_SUBJECT), people, p=SEGMENTS_PER_SUBJECT / SEGMENTS_PER_SUBJECT.sum()
    )
    while counts.sum() != segments:  # take from the largest, or give to anybody, until the sum is right
        place = np.argmax(counts) if counts.sum() > segments else rng.integers(people)
        counts[place] += 1 if counts.sum() < segments else -1
    places = _seats(rng, people)
    cultures = rng.permutation(CULTURES)
    return [
        Person(session, subject, code, str(cultures[code - 1]), int(count))
        for (code, session, subject), count in zip(places, counts, strict=True)
    ]


def _seats(rng: np.random.Generator, people: int) -> list[tuple[int, int, int]]:
    """Draw (culture code, session, subject) of everybody; some are each other's partners."""
    sessions = [
        (code, number) for code, (first, last) in SESSIONS.items() for number in range(first, last + 1)
    ]
    if people > MOST_PEOPLE:
        raise ValueError(f"{people} subjects, expected at most {MOST_PEOPLE}: lower --subjects or --segments")
    seats: list[tuple[int, int, int]] = []
    # Cultures in turn, so that a small release has several.
    order = sorted(rng.permutation(len(sessions)), key=_turns(rng, sessions))
    for code, session in (sessions[place] for place in order):
        pair = rng.permutation((2 * session - 1, 2 * session))
        seats += [(code, session, int(subject)) for subject in pair[: 1 + (rng.random() < BOTH_PARTNERS)]]
        if len(seats) >= people:
            break
    assert len(seats) >= people, "188 sessions seat 299 people on average, give or take 7"
    return seats[:people]


def _turns(rng: np.random.Generator, sessions: list[tuple[int, int]]):
    """Give a sort key that takes the first of every culture, then the second of every culture, and so on."""
    rank = {}
    for code in SESSIONS:
        own = [place for place, (other, _) in enumerate(sessions) if other == code]
        rank |= dict(zip(rng.permutation(own).tolist(), range(len(own)), strict=True))
    return lambda place: (rank[int(place)], sessions[int(place)][0])


def prefix(valence: float, arousal: float, liking: float) -> str:
    """Say for what a segment was chosen: its strongest trait of the three, high or low."""
    traits = {"SA": ("HL", arousal), "SV": ("HL", valence), "SS": ("LD", liking)}
    kind = max(traits, key=lambda name: abs(traits[name][1]))
    letters, value = traits[kind]
    return kind + (letters[0] if value > 0 else letters[1])


def segment_name(kind: str, person: Person, first: int, last: int) -> str:
    """Compose the official name; frames are counted from 1 and both are inside."""
    return f"{kind}_C{person.code}_S{person.session:03d}_P{person.subject:03d}_VC1_{first:06d}_{last:06d}"
