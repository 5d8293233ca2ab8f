"""Each kind of hostile archive and of hostile download once."""

import pytest

from tests.campaigns import f19_archives, f20_downloads


def ids(case) -> str:
    return case.kind


@pytest.mark.parametrize("case", list(f19_archives.cases(1, seed=7)), ids=ids)
def test_archive(case, tmp_path):
    assert case.run(tmp_path) in case.expected


@pytest.mark.parametrize("case", list(f20_downloads.cases(1, seed=7)), ids=ids)
def test_download(case, tmp_path):
    assert case.run(tmp_path) in case.expected


def test_archives_are_the_same_for_the_same_seed():
    one, again, other = (
        [maker(f19_archives.Random(f"{seed}/0")) for _, maker in f19_archives.KINDS.values()]
        for seed in (1, 1, 2)
    )
    assert one == again != other
