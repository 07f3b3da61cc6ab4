"""What does not change over a recording is found from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.predict.recording.made import CAMERA, EXACT, Noise, errors, fitted, improved, record
from zoo.draws import Draws
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import project
from zoo.geometry.eye import EFFECTIVE_INDEX, cornea_distance
from zoo.geometry.refraction import refract_point
from zoo.predict.recording import fit as fitting
from zoo.predict.recording.answer import answer, answer_all
from zoo.predict.recording.constants import axes_through
from zoo.predict.recording.fit import LEAST_FRAMES, fit
from zoo.predict.recording.observe import observe, steady
from zoo.synth.eyes.anatomy import ANATOMY, draw_anatomy


def test_the_axis_through_a_refracted_pupil_is_the_eye_s() -> None:
    eye = record().eye
    surface = refract_point(eye.pupil, eye.cornea, torch.full_like(eye.cornea_radius, 7.8), EFFECTIVE_INDEX)
    lengths = torch.stack((eye.cornea_distance, eye.pupil_distance), dim=1)
    found = axes_through(torch.cat((eye.eyeball, lengths), dim=1), project(surface, CAMERA), CAMERA)
    assert torch.rad2deg(angle_between(found, eye.optical)).max() < 0.01


def test_exact_answers_tell_the_eye() -> None:
    made = record(noise=EXACT)
    found = fitted(made.results)
    truth = made.eye.eyeball[0]
    off = torch.tensor(found.centre_mm, dtype=torch.float64) - truth
    assert off[:2].abs().max() < 0.1 and abs(float(off[2])) < 0.06 * float(truth[2])  # no picture tells size
    assert errors(answer_all(made.results, found), made).mean() < 0.3


def test_axes_are_much_better_than_the_network_s() -> None:
    before, after = improved(range(4))
    assert after < before / 2.5


def test_outliers_and_blinks_do_not_break_it() -> None:
    before, after = improved(range(4), frames=50, outliers=0.2, blinks=0.2)
    assert after < before / 2


def test_few_frames_are_no_worse_than_the_network_alone() -> None:
    before, after = improved(range(8), frames=LEAST_FRAMES)
    assert after < before


def test_what_all_frames_get_wrong_alike_is_not_made_worse_and_stays_in_sigma() -> None:
    before, after, covered = [], [], []
    for seed in range(8):
        made = record(seed, frames=30, noise=Noise(axis_deg=3.0, shared_deg=3.0))
        results = answer_all(made.results, fitted(made.results))
        before.append(errors(made.results, made).mean())
        after.append(errors(results, made))
        covered.append(after[-1] <= [result.gaze_sigma_deg for result in results])
    assert np.concatenate(after).mean() < np.mean(before)
    assert 0.5 < np.concatenate(covered).mean() < 0.9


def test_sigma_shrinks_where_errors_scatter() -> None:
    made = record(3)
    results = answer_all(made.results, fitted(made.results))
    sigma = np.array([result.gaze_sigma_deg for result in results])
    stated = made.results[0].gaze_sigma_deg
    assert stated is not None and np.median(sigma) < 0.7 * stated
    assert (errors(results, made) <= sigma).mean() > 0.6


def test_too_few_open_eyes_and_unknown_cameras_are_left_as_they_are() -> None:
    made = record(frames=LEAST_FRAMES - 1)
    assert fit(observe(made.results)) is None
    assert answer(made.results[0], None) is made.results[0]
    unknown = replace(made.results[0], camera_known=False)
    assert not steady(unknown)
    assert answer(unknown, fitted(record().results)) is unknown


def test_what_is_known_before_is_what_people_are_drawn_from() -> None:
    people = draw_anatomy(Draws(0, torch.arange(20_000)))
    distance = cornea_distance(people.eyeball_radius, people.cornea_radius, people.limbus_radius)
    assert float(distance.mean()) == pytest.approx(fitting.MEAN_CORNEA_DISTANCE, abs=0.03)
    assert float(distance.std()) == pytest.approx(fitting.SD_CORNEA_DISTANCE, abs=0.03)
    drawn = ANATOMY["pupil_distance"]
    assert (drawn.mean, drawn.sd) == (fitting.MEAN_PUPIL_DISTANCE, fitting.SD_PUPIL_DISTANCE)
