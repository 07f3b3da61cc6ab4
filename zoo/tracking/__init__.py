"""A run in Weights & Biases: its login, its checkpoints as artifacts, its upload after the fact. No torch."""
