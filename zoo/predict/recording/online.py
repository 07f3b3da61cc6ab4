"""A recording frame by frame: what is known so far answers at once, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from zoo.predict.recording.answer import answer
from zoo.predict.recording.constants import Constants
from zoo.predict.recording.fit import LEAST_FRAMES, fit
from zoo.predict.recording.observe import Observations, joined, observe, steady
from zoo.predict.recording.slip import slipped
from zoo.predict.result import EyeResult

PLACE_MM: Final = 0.5
"""Side of the squares within which pupils are taken to be in one place; about 3 degrees of gaze."""
EACH_PLACE: Final = 2
"""Newest frames that are kept of each: while a gaze rests, the network errs alike."""

_GROWTH: Final = 0.3  # share of new frames after which the fit is renewed, ...
_SOONEST: Final = 3  # ... not before so many
_LATEST: Final = 40  # ... nor later than these

_Kept = tuple[int, Observations]


class Part(NamedTuple):
    """Frames between two slips: the number of the first, and their constants."""

    first: int
    constants: Constants | None


class OnlineFit:
    """Learns the constants of one person in one rig while frames arrive.

    Keeps frames with an open eye, the newest of each place of the pupil, so that all directions count, a long
    fixation is not taken for much evidence, and memory is bounded. Renews the fit as frames accumulate. When
    the headset slips, frames before that are dropped and the centre is fitted anew; the anatomy stays.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._fresh = 0
        self._kept: dict[tuple[int, int], deque[_Kept]] = {}
        self._known: Constants | None = None  # from before the last slip
        self._past: list[Part] = []
        self._first = 0
        self.constants: Constants | None = None
        """What is known now; None while there are too few frames."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The recording so far, cut at the slips."""
        return (*self._past, Part(self._first, self.constants))

    @property
    def slips(self) -> tuple[int, ...]:
        """Numbers of the frames, counted from 0, from which on the eyeball was elsewhere."""
        return tuple(part.first for part in self.parts[1:])

    def at(self, number: int) -> Constants | None:
        """Constants of the part that a frame is in, from all that was learnt by now."""
        return [part.constants for part in self.parts if part.first <= number][-1]

    def update(self, result: EyeResult) -> EyeResult:
        """Learn from a frame, and answer it; the network's own answer while too little is known."""
        self.learn(result)
        return answer(result, self.constants)

    def learn(self, result: EyeResult) -> None:
        """Learn from the next frame; one with a shut eye or without a pupil tells nothing."""
        number, self._seen = self._seen, self._seen + 1
        if not steady(result):
            return
        self._keep(number, observe([result]))
        self._fresh += 1
        frames = self._frames()
        if self.constants is not None:
            row = slipped(joined([seen for _, seen in frames]), self.constants)
            if row is not None:
                self._restart(frames[row][0])
                return
        if self._fresh >= min(max(_SOONEST, _GROWTH * len(frames)), _LATEST):
            self.refit()

    def refit(self) -> None:
        """Fit again now, to all frames that are kept."""
        frames = [seen for _, seen in self._frames()]
        found = fit(joined(frames), self._known, self.constants) if len(frames) >= LEAST_FRAMES else None
        if found is not None:
            self.constants, self._fresh = found, 0

    def _keep(self, number: int, seen: Observations) -> None:
        cell_px = PLACE_MM * float(seen.camera[0, 0, 0] / seen.cornea[0, 2])
        u, v = (seen.pupil_px[0] / cell_px).floor().tolist()
        self._kept.setdefault((int(u), int(v)), deque(maxlen=EACH_PLACE)).append((number, seen))

    def _frames(self) -> list[_Kept]:
        """Kept frames of this part, in their order."""
        return sorted((item for frames in self._kept.values() for item in frames), key=lambda item: item[0])

    def _restart(self, slip: int) -> None:
        """The frames from `slip` on are of another rotation centre."""
        frames = self._frames()
        earlier = [seen for number, seen in frames if number < slip]
        self._kept.clear()
        before = fit(joined(earlier), self._known) if len(earlier) >= LEAST_FRAMES else self.constants
        self._past.append(Part(self._first, before))
        self._first, self._known, self.constants = slip, before, None
        for number, seen in frames:
            if number >= slip:
                self._keep(number, seen)
        self._fresh = 0
        self.refit()
