"""What stands in the axes of a figure."""


def points(axes, name):
    """Places of all points with error bars of this label, in drawing order."""
    lines = [bars.lines[0] for bars in axes.containers if bars.get_label() == name]
    return [(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)]


def words(axes):
    """Texts in the axes, titles aside."""
    return [text.get_text() for text in axes.texts]
