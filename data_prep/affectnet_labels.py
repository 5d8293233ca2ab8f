"""AffectNet's labels: eight expressions, three reasons to have none, a mark for no valence and arousal."""

from data_prep.labels import within
from data_prep.record import Face, Quarantine


def code(value: float) -> int:
    """
    Expression code of a number.

    Raises
    ------
    Quarantine
        ``label_range`` if it is none.
    """
    if not 0 <= value <= 10 or value % 1:
        raise Quarantine("label_range", f"expression is {value:g}, expected 0 to 10")
    return int(value)


def checked(face: Face) -> Face:
    """
    Check labels against the release's conventions: class first, since -2 is regular for classes 9 and 10.

    Raises
    ------
    Quarantine
        ``class_excluded``, ``va_missing`` or ``label_range``.
    """
    face.stratum = str(face.expression)
    if face.expression > 7:
        meaning = {8: "none", 9: "uncertain", 10: "no face"}[face.expression]
        raise Quarantine("class_excluded", f"expression {face.expression}: {meaning}")
    if -2 in (face.valence, face.arousal):
        raise Quarantine("va_missing", "valence or arousal is -2: not annotated")
    within(face.valence, -1, 1, "valence")
    within(face.arousal, -1, 1, "arousal")
    return face
