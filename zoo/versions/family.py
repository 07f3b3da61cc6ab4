"""The family tree of a checkpoint: every version that an index lists and every local run, by their parents.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from zoo.errors import ZooError, did_you_mean
from zoo.hub import names
from zoo.hub.changes import lines
from zoo.hub.index import aliases, catalogue, full_name, sources
from zoo.hub.metadata import METADATA_FILE, read_metadata

_SHOWN_CHANGES: Final = 6
_WIDEST: Final = 100
_COPY: Final = "the same weights"


@dataclass
class Member:
    """A version, or the checkpoint of a run."""

    name: str
    """A full name, or the path of the folder."""
    parents: tuple[str, ...]
    """The first is the one that the tree is drawn by."""
    when: str = ""
    changes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    also: list[str] = field(default_factory=list)
    """Folders that hold the same weights."""
    is_known: bool = True
    """False: it is named as a parent, and nothing else is known of it."""


class Family:
    """Everybody who is known."""

    def __init__(self, runs: Path) -> None:
        self.members: dict[str, Member] = {}
        self._folders: dict[Path, str] = {}
        by_weights: dict[str, str] = {}
        pointing: dict[str, list[str]] = {}
        for alias, targets in aliases().items():
            for target in targets:
                pointing.setdefault(target, []).append(alias)
        for name, found in catalogue().items():
            entry = found.entry
            parents, changes = () if entry.parent is None else (entry.parent,), entry.changes
            original = by_weights.setdefault(entry.sha256, name)
            if original != name:  # listed again in an index of one's own: it belongs into the same tree
                parents, changes = (original,), (_COPY,)
            aimed = tuple(pointing.get(name, ()))
            self.members[name] = Member(name, parents, entry.released.isoformat(), changes, aimed)
        for folder in sorted(path.parent for path in runs.glob(f"*/checkpoint/{METADATA_FILE}")):
            self._add(folder, by_weights)
        for member in list(self.members.values()):
            member.parents = tuple(self._canonical(parent) for parent in member.parents)
            for parent in member.parents:
                self.members.setdefault(parent, Member(parent, (), is_known=False))

    def _add(self, folder: Path, by_weights: dict[str, str]) -> None:
        try:
            metadata = read_metadata(folder)
        except ZooError:
            return  # a run that is damaged, or of a newer zoo, has no place in the tree
        assert metadata.weights is not None, "read_metadata refuses metadata without a checksum"
        shown = str(folder.parent)
        listed = by_weights.get(metadata.weights.sha256)
        if listed is not None:
            self.members[listed].also.append(shown)
        else:
            parents = () if metadata.parent is None else (metadata.parent, *metadata.other_parents)
            self.members[shown] = Member(shown, parents, changes=lines(metadata))
        for place in (folder, folder.parent):
            self._folders[place.resolve()] = listed or shown

    def _canonical(self, name: str) -> str:
        """The member that a name, an alias or a path means."""
        if name in self.members:
            return name
        path = Path(name).expanduser()
        return full_name(name) or self._folders.get(path.resolve(), name)

    def find(self, name: str) -> Member:
        """The member of a name, an alias or a path.

        Raises:
            ZooError: nobody of that name.
        """
        member = self.members.get(self._canonical(name))
        if member is None:
            path = Path(name).expanduser()
            for folder in (path, path / "checkpoint"):
                if (folder / METADATA_FILE).is_file():
                    metadata = read_metadata(folder)
                    parents = () if metadata.parent is None else (metadata.parent, *metadata.other_parents)
                    known = tuple(self._canonical(parent) for parent in parents)
                    for parent in known:
                        self.members.setdefault(parent, Member(parent, (), is_known=False))
                    return self.members.setdefault(name, Member(name, known, changes=lines(metadata)))
            near = did_you_mean(name, [*aliases(), *self.members])
            raise ZooError(f"{name}: neither a listed name nor a checkpoint; {near}")
        return member

    def root(self, member: Member) -> Member:
        """The oldest known ancestor."""
        seen = {member.name}
        while member.parents and member.parents[0] not in seen:
            member = self.members[member.parents[0]]
            seen.add(member.name)
        return member

    def children(self, name: str) -> list[Member]:
        """Those whose first parent it is, versions before runs."""
        found = [m for m in self.members.values() if m.parents[:1] == (name,) and m.name != name]
        return sorted(found, key=lambda m: (not names.is_full(m.name), m.when, m.name))


def draw(name: str, runs: Path) -> RenderableType:
    """The tree that a checkpoint is in, and how the aliases in it were moved.

    Args:
        name: a listed name, or a path.
        runs: folder of local runs.
    """
    family = Family(runs)
    member = family.find(name)
    root = family.root(member)
    tree = Tree(_label(root, member))
    shown = {root.name}
    _grow(tree, family, root, member, shown)
    history = Text("\n".join(_moves(shown)))
    return Group(tree, history) if history.plain else tree


def _grow(tree: Tree, family: Family, above: Member, wanted: Member, shown: set[str]) -> None:
    for child in family.children(above.name):
        if child.name in shown:
            continue  # a ring of parents, which only a tampered file has
        shown.add(child.name)
        _grow(tree.add(_label(child, wanted)), family, child, wanted, shown)


def _label(member: Member, wanted: Member) -> Text:
    text = Text(member.name, style="bold" if member is wanted else "")
    if member.aliases:
        text.append(f"  <- {', '.join(member.aliases)}", style="green")
    if member.when:
        text.append(f"  {member.when}", style="dim")
    if not member.is_known:
        text.append("  (not listed here)", style="dim")
    if member.also:
        text.append(f"  = {', '.join(member.also)}", style="dim")
    if len(member.parents) > 1:
        text.append(f"\nand of {', '.join(member.parents[1:])}")
    for line in member.changes[:_SHOWN_CHANGES]:
        text.append(f"\n{line if len(line) <= _WIDEST else line[: _WIDEST - 1] + '…'}", style="dim")
    if len(member.changes) > _SHOWN_CHANGES:
        text.append(f"\nand {len(member.changes) - _SHOWN_CHANGES} more changes", style="dim")
    return text


def _moves(shown: set[str]) -> Iterator[str]:
    for source in sources():
        for step in source.index.history:
            if step.to in shown or step.from_ in shown:
                came = f" from {step.from_}" if step.from_ else ""
                forced = " (forced)" if step.forced else ""
                why = f": {step.reason}" if step.reason else ""
                when = f"{step.when:%Y-%m-%d %H:%M}"
                yield f"{when}  {step.action} {step.alias}{came} to {step.to}{forced}{why}"
