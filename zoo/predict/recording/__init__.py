"""Recordings: what does not change over the frames of one person in one rig, and each frame's answer with it.

**The model.** The eyeball turns about a centre that stays where it is in the camera's frame. The cornea's
centre lies at one distance from it, the pupil at another from the cornea, all on the optical axis. Where
these are known, the pupil's pixel alone tells the axis, far more finely than a look at one frame does.
The corneal radius only bends that ray; it is taken to be the mean of adults.

**The fit** (`fit`) finds centre and distances so that, over all frames with an open eye, the axes through the
pupils agree with the axes that the network saw, each weighted by what the network expects to be off, in a
redescending loss that wrong frames do not move. Adults' anatomy and the network's distance to the cornea hold
what axes and pixels leave open: the size of the eye.

**The answer** (`answer`) is the mean of the axis through the pupil and the network's own, weighted by their
uncertainties, those of the constants included: with few frames it stays near the network's. The error that
the network states has a part that scatters between frames, which a recording averages out, and a part that
all frames of this person share, which it cannot see. The second is what is stated but does not scatter; it
stays in the answer's expected error, and a calibration takes it off.

`online` does this frame by frame in bounded memory and notices (`slip`) when the headset moved; `recordings`
keeps one such fit for each folder, video and camera of a run of `zoo predict`. What of the cornea the network
sees across its ray is not used: it errs as its axes do, so over rendered people it made answers worse.
"""
