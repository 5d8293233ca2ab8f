"""AffectNet's labels: eight expressions, three reasons to have none, a mark for no valence and arousal."""

from data_prep.labels import within
from data_prep.record import Face, Quarantine


def checked(face: Face) -> Face:
    """
    Check labels against the release's conventions: class first, since -2 is regular for classes 9 and 10.

    Raises
    ------
    Quarantine
        ``class_excluded``, ``va_missing`` or ``label_range``.
    """
    if not 0 <= face.expression <= 10 or face.expression % 1:
        code, face.expression = face.expression, None
        raise Quarantine("label_range", f"expression is {code:g}, expected 0 to 10")
    face.expression = int(face.expression)
    face.stratum = str(face.expression)
    if face.expression > 7:
        meaning = {8: "none", 9: "uncertain", 10: "no face"}[face.expression]
        raise Quarantine("class_excluded", f"expression {face.expression}: {meaning}")
    if -2 in (face.valence, face.arousal):
        raise Quarantine("va_missing", "valence or arousal is -2: not annotated")
    within(face.valence, -1, 1, "valence")
    within(face.arousal, -1, 1, "arousal")
    return face
