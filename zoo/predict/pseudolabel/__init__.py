"""3D labels of unlabelled frames from what is known of their rig: the model-based supervision of EyeNet."""
