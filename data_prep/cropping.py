"""Units of a release to cropped faces, in the release's order; what the work folder has is not made again."""

import argparse
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from data_prep import faces
from data_prep.crops import Crop
from data_prep.entries import Entries, Made, pieces
from data_prep.inventory import Traced, Watched
from data_prep.parallel import results
from data_prep.record import Face, Picture, Quarantine

Aspect = Callable[[Picture, argparse.Namespace], float]
Task = list[tuple[Any, bytes, bool]]  # piece, its key, whether there is an entry


@dataclass(frozen=True)
class Cropper:
    """What a process needs in order to turn pieces of a release into cropped faces."""

    tree: Traced
    options: argparse.Namespace
    side: int
    aspect: Aspect

    def __call__(self, piece: Any) -> Made:
        """Read and crop the faces of one piece; each is cropped before the next one is asked for."""
        found, options, self.tree.seen = [], Watched(self.options), {}
        for face in piece.read(self.tree, options):
            self._crop(face, options)
            found.append(face)
        return Made(found, self.tree.seen, options.asked)

    def _crop(self, face: Face, options: Watched) -> None:
        """Crop a face that has a picture; a fault stays with the face."""
        find, face.find = face.find, None
        if find is None or face.status != "ok":
            return
        try:
            picture, box = find()
            height, width = picture.shape
            face.content = picture.content
            inside = faces.inside(box, width, height)
            face.aspect = self.aspect(picture, options)  # which looks at the shape
            face.crop = Crop.of(options, self.side)(picture, inside, aspect=face.aspect)
        except Quarantine as reason:
            face.quarantine(reason)
            return
        if picture.note:
            face.status = "img_mode_converted"
            face.remark(picture.note)
        if inside != box:
            face.status = "box_clamped"
            face.remark("box ({:g}, {:g}, {:g}, {:g}) leaves the image".format(*box))


def cropped(
    units: Iterable[Any], cropper: Cropper, entries: Entries, *, processes: int
) -> Generator[Face, None, None]:
    """
    Yield the faces of all units, in order, from the work folder or made anew.

    Parameters
    ----------
    units : iterable
        Drawn from only as far as faces are drawn.
    processes : int
        The faces do not depend on it.
    """
    for task, made in results(cropper, _tasks(units, entries), processes=processes):
        new = iter(made)
        for piece, key, known in task:
            found = entries.load(key) if known else None
            if found is None:  # there is no entry, or it is damaged
                fresh = cropper(piece) if known else next(new)
                entries.save(key, fresh)
                found = fresh.faces
            yield from found


def _tasks(units: Iterable[Any], entries: Entries) -> Iterator[tuple[Task, list[Any]]]:
    """Each unit as the task that it is, and the pieces of it that are to be made."""
    for unit in units:
        keys = [(piece, entries.key(piece)) for piece in pieces(unit)]
        task = [(piece, key, entries.holds(key)) for piece, key in keys]
        yield task, [piece for piece, _, known in task if not known]
