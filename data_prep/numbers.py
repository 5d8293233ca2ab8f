"""A dictionary of whole numbers to whole numbers that takes less memory than Python's own."""

from array import array

SMALLEST = 1 << 10  # places


class Numbers:
    """
    Numbers by keys that are hashes already: two arrays with open addressing, at most two thirds full.

    Each key takes 24 to 48 bytes; a dict holds an object for every key and number besides.
    """

    def __init__(self):
        self._keys, self._values = _zeros(SMALLEST), _zeros(SMALLEST)  # key + 1; 0 is a free place
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, key: int, value: int) -> int | None:
        """
        Enter a number unless its key is known.

        Parameters
        ----------
        key, value : int
            From 0 to 2^63 - 1.

        Returns
        -------
        int or None
            The number that the key has already; None if it is new.
        """
        place = self._place(key + 1)
        if self._keys[place]:
            return self._values[place]
        self._keys[place], self._values[place] = key + 1, value
        self._count += 1
        if 3 * self._count > 2 * len(self._keys):
            self._grow()
        return None

    def _place(self, key: int) -> int:
        """Where a key is, or the free place where it belongs."""
        keys, last = self._keys, len(self._keys) - 1
        place = key & last
        while keys[place] and keys[place] != key:
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        self._keys, self._values = _zeros(2 * len(keys)), _zeros(2 * len(keys))
        for key, value in zip(keys, values, strict=True):
            if key:
                place = self._place(key)
                self._keys[place], self._values[place] = key, value


def _zeros(size: int) -> array:
    return array("Q", bytes(8 * size))
