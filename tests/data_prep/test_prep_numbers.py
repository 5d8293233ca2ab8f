"""A dictionary in two arrays, against Python's own."""

from hypothesis import given
from hypothesis import strategies as st

from data_prep import numbers
from data_prep.numbers import Numbers

#: Few keys, so that they come again; many that share a place; and the smallest and largest.
KEYS = st.integers(0, 30) | st.integers(0, 20).map(lambda n: n << 40) | st.sampled_from([0, 2**63 - 1])


@given(st.lists(st.tuples(KEYS, st.integers(0, 2**63 - 1)), max_size=60))
def test_it_is_a_dict(entries):
    found, expected = Numbers(), {}
    for key, value in entries:
        assert found.add(key, value) == expected.get(key)
        expected.setdefault(key, value)
        assert len(found) == len(expected)


def test_it_grows_and_keeps_all():
    found, keys = Numbers(), [(k * 0x9E3779B97F4A7C15) % 2**63 for k in range(5 * numbers.SMALLEST)]
    assert all(found.add(key, place) is None for place, key in enumerate(keys))
    assert [found.add(key, 0) for key in keys] == list(range(len(keys))) and len(found) == len(keys)
