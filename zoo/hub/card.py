"""The card (README.md) of a checkpoint, rendered from its metadata alone. Imports no torch."""

from __future__ import annotations

from zoo.hub.metadata import ModelMetadata
from zoo.model.config import NetworkConfig


def render(metadata: ModelMetadata) -> str:
    """Markdown: what it does, what it was trained on, what was measured, how to use it."""
    network, training = metadata.network, metadata.training
    lines = [
        f"# {metadata.name}",
        "",
        f"Tasks: {', '.join(sorted(network.heads))}. Input: {_input(network)}",
    ]
    if metadata.weights is not None:
        lines += [
            f"{metadata.weights.parameters:,} parameters, {metadata.weights.size_bytes / 1e6:.1f} MB. "
            f"SHA-256 of the weights: `{metadata.weights.sha256}`."
        ]
    lines += [
        "",
        "```",
        *(
            f"zoo predict {metadata.name} {source} -o out/   # or the path of this folder"
            for source in _sources(network)
        ),
        "```",
        "",
        "## Training",
        "",
    ]
    lines += [f"{training.data} Samples seen: {training.samples_seen:,}.", ""]
    if training.sources:
        lines += ["| kind | source | type | samples | different ones |", "|---|---|---|---|---|"]
        for source in training.sources:
            of = "" if source.of is None else f" of {source.of:,}"
            seen = f"{source.samples:,} | {source.distinct:,}{of}"
            lines += [f"| {source.kind} | {source.name} | {source.type} | {seen} |"]
        lines += [""]
    lines += ["```", training.command, "```", ""]
    facts = {"Commit": training.commit, "Seed": training.seed, "Started from": metadata.parent}
    lines += [f"- {key}: {value}" for key, value in facts.items() if value is not None]
    lines += [
        f"- Licence of the weights: {metadata.licences.weights}",
        f"- Licence of the training data: {metadata.licences.training_data}",
        "",
        "## Measured",
        "",
    ]
    if not metadata.metrics:
        lines += ["Nothing yet.", ""]
    for part, values in metadata.metrics.items():
        lines += [f"### {part}", "", "| metric | value |", "|---|---|"]
        lines += [f"| {name} | {format_metric(value)} |" for name, value in values.items()]
        lines += [""]
    lines += [
        "## Conventions",
        "",
        f"Classes: {', '.join(f'{i} {name}' for i, name in enumerate(metadata.conventions.classes))}. "
        "The centre of the first pixel is (0, 0). Camera frame: x right, y down, z forward.",
        "",
    ]
    return "\n".join(lines)


def _sources(network: NetworkConfig) -> list[str]:
    frames = ["FRAMES"] if network.heads_of("eyes") else []
    return [*frames, *(["CAPTURE"] if network.heads_of("views") else [])]


def _input(network: NetworkConfig) -> str:
    said = []
    if network.heads_of("eyes"):
        size = network.canvas("eyes")
        said.append(f"one near-eye image, letterboxed to {size.width}x{size.height}")
    if network.heads_of("views"):
        size = network.canvas("views")
        said.append(f"posed colour pictures of a room, at about as many pixels as {size.width}x{size.height}")
    each = ", each" if network.heads_of("views") else " and"
    return f"{', or '.join(said)}{each} standardised by its own mean and deviation."


def format_metric(value: float | None) -> str:
    """Four significant digits; a dash where nothing could be measured."""
    return "–" if value is None else f"{value:.4g}"
