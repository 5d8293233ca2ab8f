"""Affect is slow, speech is fast, and part of arousal shows only in motion."""

import numpy as np
import pytest

from data_prep.lookalike.dynamics import SPREAD, Amounts, act, band, draw_subject, feel, smooth, vigour
from data_prep.lookalike.expression import CHANNELS, INDEX
from data_prep.lookalike.labels import AFEW_VA, SEWA, five_raters, one_rater, whole_steps
from data_prep.lookalike.seeds import stream


def test_smooth_is_stationary_with_unit_variance():
    paths = np.stack([smooth(stream(n, "smooth"), 60, fps=25, seconds=0.5) for n in range(1500)])
    np.testing.assert_allclose(paths.std(axis=0), 1, atol=0.08)
    np.testing.assert_allclose(paths.mean(axis=0), 0, atol=0.1)
    # Critically damped: correlation (1 + t / tau) exp(-t / tau), the limit of many frames a second.
    lag = 12
    wanted = (1 + lag / 12.5) * np.exp(-lag / 12.5)
    assert np.mean(paths[:, 0] * paths[:, lag]) == pytest.approx(wanted, abs=0.07)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_clips(frames):
    rng = stream(0, "short")
    subject = draw_subject(rng)
    assert smooth(rng, frames, fps=25, seconds=1).shape == (frames,)
    assert act(rng, subject, feel(rng, subject, frames)).shape == (frames, len(CHANNELS))


def test_band_has_its_frequencies_only():
    wave = np.stack([band(stream(n, "band"), 1000, fps=25, low=3, high=6) for n in range(40)])
    power = np.mean(np.abs(np.fft.rfft(wave * np.hanning(1000), axis=1)) ** 2, axis=0)
    frequency = np.fft.rfftfreq(1000, 1 / 25)
    inside = (frequency >= 2.9) & (frequency <= 6.1)
    assert power[inside].sum() / power.sum() > 0.999
    assert wave.std() == pytest.approx(1, abs=0.02)


def performances(count, amounts, valence=None, arousal=None):
    """Channels (count, 40, k) and affect (count, 2, 40) of as many people."""
    channels, affects = [], []
    for n in range(count):
        rng = stream(n, "performance")
        subject = draw_subject(rng, amounts)
        affect = list(feel(rng, subject, 40))
        for place, value in enumerate((valence, arousal)):
            if value is not None:
                affect[place] = np.full(40, value)
        channels.append(act(rng, subject, tuple(affect), amounts=amounts))
        affects.append(affect)
    return np.array(channels), np.array(affects)


def test_affect_moves_slowly_and_has_its_spread():
    _, affects = performances(300, Amounts())
    assert affects.std() == pytest.approx(SPREAD, abs=0.06)
    assert np.abs(affects).max() < 1
    assert np.abs(np.diff(affects, axis=2)).max() < 0.15
    valence, arousal = affects.mean(axis=2).T
    assert abs(np.corrcoef(valence, arousal)[0, 1]) < 0.15


def test_speech_disturbs_the_mouth_whatever_is_felt():
    quiet, _ = performances(60, Amounts(speech=0, prosody=0), valence=0.2, arousal=0.0)
    talking, _ = performances(60, Amounts(), valence=0.2, arousal=0.0)
    smile = INDEX["smile"]
    assert quiet[..., smile].std(axis=1).max() < 0.01
    assert talking[..., smile].std(axis=1).min() > 0.2
    # Over a clip it averages out: what stays is the person's own face.
    assert talking[..., smile].mean() == pytest.approx(quiet[..., smile].mean(), abs=0.1)


def test_motion_shows_arousal_and_one_frame_of_it_does_not():
    channels, affects = performances(400, Amounts(hidden=0.0))
    arousal = affects[:, 1].mean(axis=1)
    for name in ("yaw", "roll"):
        course = channels[..., INDEX[name]]
        speed = np.abs(np.diff(course, axis=1)).mean(axis=1)
        assert np.corrcoef(speed, arousal)[0, 1] > 0.8
        assert abs(np.corrcoef(course[:, 20], affects[:, 1, 20])[0, 1]) < 0.12


def test_hidden_part_of_arousal_is_not_on_the_still_face():
    open_faces, affects = performances(300, Amounts(hidden=0.0, habit=0.0))
    hiding, _ = performances(300, Amounts(hidden=0.6, habit=0.0))
    arousal = affects[:, 1].mean(axis=1)
    lids = INDEX["eye_open"]
    seen = np.corrcoef(np.median(open_faces[..., lids], axis=1), arousal)[0, 1]
    assert np.corrcoef(np.median(hiding[..., lids], axis=1), arousal)[0, 1] < seen - 0.1


def test_blinks_come_oftener_with_arousal():
    def blinks(arousal):
        channels, _ = performances(150, Amounts(), arousal=arousal)
        return (channels[..., INDEX["eye_open"]] == 0).mean()

    assert blinks(0.9) > 1.5 * blinks(-0.9) > 0


def test_vigour_grows_from_nothing_to_one():
    levels = vigour(np.linspace(-1, 1, 9))
    assert (levels[0], levels[-1]) == (0, 1)
    assert np.all(np.diff(levels) > 0)


def test_whole_steps():
    course = 0.6 * np.sin(np.linspace(0, 12, 400))
    levels = whole_steps(stream(0, "steps"), course)
    assert np.array_equal(levels, levels.round())
    assert np.abs(np.diff(levels)).max() == 1
    assert np.abs(levels / 10 - course).max() < 0.35
    assert np.corrcoef(levels, course)[0, 1] > 0.95
    assert np.unique(whole_steps(stream(0, "steps"), np.full(50, 0.31), hesitation=0.0)).tolist() == [3.0]


def test_five_raters_agree_on_the_whole():
    course = 0.5 * np.sin(np.linspace(0, 12, 2000))
    traces = five_raters(stream(0, "raters"), course)
    assert traces.shape == (2000, 5)
    assert traces.min() >= 0
    assert traces.max() <= 1
    assert np.std(traces.mean(axis=0)) > 0.005, "raters differ in their offsets"
    own = [np.corrcoef(trace, course)[0, 1] for trace in traces.T]
    fused = np.corrcoef(traces.mean(axis=1), course)[0, 1]
    assert np.mean(own) > 0.9
    assert fused > np.mean(own)


def test_one_rater_errs_a_little():
    rng = stream(0, "rater")
    marks = np.array([one_rater(rng, 0.4) for _ in range(2000)])
    assert marks.mean() == pytest.approx(0.4, abs=0.01)
    assert marks.std() == pytest.approx(0.08, abs=0.01)
    assert np.abs([one_rater(rng, 0.99) for _ in range(200)]).max() <= 1


def test_labels_have_the_moments_of_the_releases():
    _, affects = performances(400, Amounts())
    rng = stream(0, "moments")
    levels = {"valence": [], "arousal": []}
    fused = {"valence": [], "arousal": []}
    for clip in affects:
        for axis, values in zip(levels, clip, strict=True):
            levels[axis].append(whole_steps(rng, AFEW_VA[axis].signed(values)))
            fused[axis].append(five_raters(rng, SEWA[axis].signed(values)).mean(axis=1))
    # AFEW-VA paper, figure 2: valence -1.25 (sd 2.74), arousal 1.39 (sd 2.53).
    assert np.mean(levels["valence"]) == pytest.approx(-1.25, abs=0.5)
    assert np.std(levels["valence"]) == pytest.approx(2.74, abs=0.5)
    assert np.mean(levels["arousal"]) == pytest.approx(1.39, abs=0.5)
    assert np.std(levels["arousal"]) == pytest.approx(2.53, abs=0.5)
    for traces in fused.values():
        assert 0.13 < np.std(traces) < 0.2
        assert 0.45 < np.mean(traces) < 0.6
