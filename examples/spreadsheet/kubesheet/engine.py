"""The engine: events of the cluster and snapshots of the sheets in, changes of cells and patches out. No I/O.

Each cell of Desired and Image has three versions, as in a three-way merge: the cluster's value, the content
of the cell, and the *base*, the value that the engine last knew to be in the cell. A cell that equals its
base follows the cluster. A cell that differs is an edit: it becomes a patch, and is left alone until the
patch is answered.

Guarantees:

- A patch is sent only for a complete, valid edit of a row that the engine has written before.
- A cell with an edit, and a row that is being edited, are never overwritten.
- Rows are found by the name in the column Deployment, so that their order, empty rows and other columns are
  free. A deleted row comes back. A copied row shows the same deployment.
- Rows whose names were exchanged (a copy renamed, one column sorted without the others) cause no patch.
- A base changes only by :meth:`Engine.commit`, after the sheet has really been written.

``../engine.js`` is this engine in JavaScript; the tests run both on the same generated histories.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kubesheet.cells import (
    COLUMNS,
    EDITABLE,
    MARK,
    Cell,
    Deployment,
    Invalid,
    changed_images,
    parse_deployment,
    parse_replicas,
    shortened,
    text_of,
)

__all__ = ["Append", "Delete", "Engine", "Patch", "Plan", "Row", "Set", "Snapshot", "Write"]

Row = Sequence[Cell]
"""The cells of one row, in the order of COLUMNS."""
_RENDERED = COLUMNS[1:5]
_NAME, _NOTE = 0, 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of each namespace's sheet, without the header; the row that the user is editing right now."""

    sheets: Mapping[str, Sequence[Row]]
    editing: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Set:
    """Write one cell. ``row`` counts the rows of the snapshot from 0."""

    namespace: str
    row: int
    column: str
    value: Cell


@dataclass(frozen=True, slots=True)
class Delete:
    namespace: str
    row: int


@dataclass(frozen=True, slots=True)
class Append:
    """Add a row after the last one; make the sheet if the snapshot has none for the namespace."""

    namespace: str
    cells: tuple[Cell, ...]


Write = Set | Delete | Append


@dataclass(frozen=True, slots=True)
class Patch:
    """A mutation: ``scaleDeployment`` with ``replicas``, or a patch of ``images`` (by container)."""

    namespace: str
    name: str
    column: str
    cell: str
    replicas: int | None = None
    images: dict[str, str] = field(default_factory=dict)
    uid: str = ""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(slots=True)
class Plan:
    """Writes for the sheet, in the order Set, Delete, Append, and patches for the cluster."""

    writes: list[Write] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    bases: dict[str, dict[str, str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Engine:
    """The state of one synchronisation."""

    def __init__(self) -> None:
        self.synced = False
        self.version: str | None = None
        self._deployments: dict[str, Deployment] = {}
        self._unseen: set[str] = set()
        self._begins = True
        self._bases: dict[str, dict[str, str]] = {}
        self._replaced: dict[tuple[str, str], str] = {}
        self._pending: set[tuple[str, str]] = set()
        self._refusals: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    @property
    def namespaces(self) -> list[str]:
        """The namespaces with deployments, now or earlier; each has a sheet."""
        return sorted({key.partition("/")[0] for key in (*self._deployments, *self._bases)})

    # --- the cluster ---

    def restart(self) -> None:
        """A new stream of events begins, requested with ``version`` as its ``resourceVersion``."""
        self._begins = True

    def apply(self, event: Mapping[str, Any]) -> None:
        """One event of the subscription ``deployments``."""
        kind, version = event["type"], event["resourceVersion"]
        if self._begins:
            self._begins = False
            if not (kind == "SYNCED" and version == self.version):
                # not resumed: everything comes afresh, possibly from another cluster
                self._unseen = set(self._deployments)
                self._deployments = {
                    key: replace(deployment, version=0) for key, deployment in self._deployments.items()
                }
                self.version, self.synced = None, False
        if kind == "SYNCED":
            for key in self._unseen:
                del self._deployments[key]
            self._unseen, self.synced = set(), True
        else:
            self._change(kind, parse_deployment(event["object"]))
        if self.synced:
            self.version = version

    def _change(self, kind: str, deployment: Deployment) -> None:
        self._unseen.discard(deployment.key)
        if kind == "DELETED":
            self._deployments.pop(deployment.key, None)
            self._refusals.pop(deployment.key, None)
        elif deployment.version >= self._version_of(deployment.key):
            self._deployments[deployment.key] = deployment

    def _version_of(self, key: str) -> int:
        return self._deployments[key].version if key in self._deployments else 0

    # --- answers to patches ---

    def accepted(self, patch: Patch, version: str) -> None:
        """The patch was stored; ``version`` is the ``resourceVersion`` of the deployment after it."""
        self._settle(patch)
        current = self._deployments.get(patch.key)
        if current is not None and int(version) > current.version:
            desired = current.desired if patch.replicas is None else patch.replicas
            images = {**current.images, **patch.images}
            self._deployments[patch.key] = replace(
                current, version=int(version), desired=desired, images=images
            )

    def refused(self, patch: Patch, message: str) -> None:
        """The patch was refused: the message becomes the note, and the cell follows the cluster again."""
        self._settle(patch)
        if patch.key in self._deployments:
            self._refusals[patch.key] = shortened(f"{patch.column} {patch.cell} refused: {message}")

    def unanswered(self, patch: Patch) -> None:
        """The patch was lost. Both patches can be repeated, so the next plan has it again."""
        self._pending.discard((patch.key, patch.column))

    def _settle(self, patch: Patch) -> None:
        cell = (patch.key, patch.column)
        self._pending.discard(cell)
        if (bases := self._bases.get(patch.key)) is not None:
            self._replaced[cell] = bases.get(patch.column, patch.cell)
            bases[patch.column] = patch.cell

    # --- the sheet ---

    def plan(self, snapshot: Snapshot) -> Plan:
        """Compare a snapshot with the cluster.

        Patches of the plan count as sent; its writes need :meth:`commit`.
        """
        plan = Plan()
        if self.synced:
            for namespace in sorted({*snapshot.sheets, *self.namespaces}):
                rows = snapshot.sheets.get(namespace, ())
                held = snapshot.editing[1] if snapshot.editing and snapshot.editing[0] == namespace else None
                _Sheet(self, plan, namespace, rows, held).plan()
        order = (Set, Delete, Append)
        plan.writes.sort(key=lambda write: order.index(type(write)))
        return plan

    def commit(self, plan: Plan) -> None:
        """The writes of the plan are in the sheet."""
        for key, columns in plan.bases.items():
            self._bases.setdefault(key, {}).update(columns)
            for column in columns:
                self._replaced.pop((key, column), None)
        for key in plan.removed:
            self._bases.pop(key, None)
        self._counts = plan.counts


class _Sheet:
    """Plans one sheet. ``held`` is the row that is being edited: it is neither read nor written."""

    def __init__(
        self, engine: Engine, plan: Plan, namespace: str, rows: Sequence[Row], held: int | None
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._namespace = namespace
        self._rows = rows
        self._held = held
        self._named: dict[str, list[int]] = {}
        for number, row in enumerate(rows):
            if name := text_of(row[_NAME]):
                self._named.setdefault(name, []).append(number)
        self._foreign = {number for number in range(len(rows)) if self._is_foreign(number)}

    def plan(self) -> None:
        present = {
            deployment.name: deployment
            for deployment in self._engine._deployments.values()
            if deployment.namespace == self._namespace
        }
        exchanged = {column for column in EDITABLE if self._is_permuted(column, present)}
        for name in sorted({*self._named, *present}):
            if name in present:
                self._plan_deployment(present[name], exchanged)
            else:
                self._plan_absent(name)
        self._forget_absent(present)
        self._count()

    def _count(self) -> None:
        """The rows of each name, for :meth:`_is_foreign`; a row that is still being edited adds none."""
        for name, rows in self._named.items():
            key, count = f"{self._namespace}/{name}", len(rows)
            if self._held in rows and count > self._engine._counts[key]:
                count -= 1
            self._plan.counts[key] = count

    def _plan_deployment(self, deployment: Deployment, exchanged: set[str]) -> None:
        rows = self._named.get(deployment.name, [])
        if self._held in rows:
            return  # every copy of the row waits for the end of the edit
        hints = []
        for column in EDITABLE:
            hint = self._plan_edit(deployment, column, rows, column in exchanged)
            if hint:
                hints.append(hint)
        for column in ("Actual", "Ready"):
            self._render(deployment, column, rows)
        message = "; ".join(hints) or self._engine._refusals.get(deployment.key) or deployment.condition
        note = MARK + message if message else ""
        self._write_note(rows, note)
        if not rows:
            cells = (*(deployment.cell(column) for column in COLUMNS[:-1]), note or None)
            self._plan.writes.append(Append(self._namespace, cells))

    def _plan_edit(self, deployment: Deployment, column: str, rows: list[int], exchanged: bool) -> str:
        """Render a cell without an edit, or turn the edit into a patch; returns a hint for the note."""
        if (deployment.key, column) in self._engine._pending:
            return ""
        edits = self._edits(deployment.key, column, rows)
        if not edits:
            self._render(deployment, column, rows)
            return ""
        if exchanged:
            return f"{column} looks sorted without the other columns: undo that, or edit one cell at a time"
        if len(edits) > 1:
            return f"{column} has different values on rows of {deployment.name}"
        ((text, cell),) = edits.items()
        if text == text_of(deployment.cell(column)):
            self._render(deployment, column, rows)
            return ""
        try:
            patch = _patch(deployment, column, cell)
        except Invalid as invalid:
            return str(invalid)
        if patch is None:
            self._render(deployment, column, rows)
            return ""
        self._engine._pending.add((deployment.key, column))
        self._engine._refusals.pop(deployment.key, None)
        self._plan.patches.append(patch)
        return ""

    def _edits(self, key: str, column: str, rows: list[int]) -> dict[str, Cell]:
        """The contents that differ from the base, by their text."""
        base = self._engine._bases.get(key, {}).get(column)
        if base is None:
            return {}
        contents = {
            text_of(cell): cell
            for cell in (self._rows[number][COLUMNS.index(column)] for number in self._readable(rows))
        }
        # A copy of the row still has the value from before the last patch.
        if base in contents and (key, column) in self._engine._replaced:
            contents.pop(self._engine._replaced[key, column], None)
        contents.pop(base, None)
        return contents

    def _readable(self, rows: list[int]) -> Iterator[int]:
        """The rows whose edits count: neither new rows nor rows with another's values."""
        for number in rows:
            if number not in self._foreign and any(self._values(number)):
                yield number

    def _values(self, number: int) -> tuple[str, ...]:
        return tuple(text_of(cell) for cell in self._rows[number][1:5])

    def _committed(self, key: str) -> tuple[str, ...] | None:
        base = self._engine._bases.get(key)
        if base is None or any(column not in base for column in _RENDERED):
            return None
        return tuple(base[column] for column in _RENDERED)

    def _is_foreign(self, number: int) -> bool:
        """Whether the values of a row belong to another name.

        The engine alone writes Actual and Ready, so other contents there have come with another row. If they
        happen to agree, all values are exactly another deployment's, and its own row is gone or this row is
        a new one.
        """
        name, values = text_of(self._rows[number][_NAME]), self._values(number)
        key, prefix = f"{self._namespace}/{name}", self._namespace + "/"
        own = self._committed(key)
        if not name or own is None or values == own:
            return False
        if values[1:3] != own[1:3]:
            return True
        is_new = len(self._named[name]) > self._engine._counts[key]
        for other in self._engine._bases:
            if other != key and other.startswith(prefix) and values == self._committed(other):
                kept = self._named.get(other.removeprefix(prefix), [])
                if is_new or all(self._values(row) != values for row in kept):
                    return True
        return False

    def _is_permuted(self, column: str, present: Mapping[str, Deployment]) -> bool:
        """Whether the edits of a column are its own values in another order."""
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()
        for name, rows in self._named.items():
            key = f"{self._namespace}/{name}"
            if name in present and (key, column) not in self._engine._pending:
                for text in self._edits(key, column, rows):
                    before[self._engine._bases[key][column]] += 1
                    after[text] += 1
        return before.total() > 1 and before == after

    def _render(self, deployment: Deployment, column: str, rows: list[int]) -> None:
        value = deployment.cell(column)
        for number in rows:
            if text_of(self._rows[number][COLUMNS.index(column)]) != text_of(value):
                self._plan.writes.append(Set(self._namespace, number, column, value))
        self._plan.bases.setdefault(deployment.key, {})[column] = text_of(value)

    def _write_note(self, rows: list[int], note: str) -> None:
        for number in rows:
            cell = text_of(self._rows[number][_NOTE])
            is_ours = not cell or cell.startswith(MARK.strip())
            if cell != note and (note or is_ours):
                self._plan.writes.append(Set(self._namespace, number, "Note", note or None))

    def _plan_absent(self, name: str) -> None:
        """Rows without a deployment: deleted if it existed and the row has no edit, else only noted."""
        key = f"{self._namespace}/{name}"
        base = self._engine._bases.get(key, {})
        for number in self._named[name]:
            cells = dict(zip(COLUMNS, self._rows[number], strict=True))
            is_edited = any(text_of(cells[column]) != base.get(column) for column in EDITABLE)
            if number == self._held:
                continue
            if base and not is_edited:
                self._plan.writes.append(Delete(self._namespace, number))
            else:
                note = shortened(f"there is no deployment {name} in {self._namespace}")
                self._write_note([number], MARK + note)

    def _forget_absent(self, present: Mapping[str, Deployment]) -> None:
        prefix = self._namespace + "/"
        for key in self._engine._bases:
            name = key.removeprefix(prefix)
            if key.startswith(prefix) and name not in present and self._held not in self._named.get(name, ()):
                self._plan.removed.append(key)


def _patch(deployment: Deployment, column: str, cell: Cell) -> Patch | None:
    """The patch of an edit; None if it asks for the cluster's state in other words. Raises Invalid."""
    namespace, name, text = deployment.namespace, deployment.name, text_of(cell)
    if column == "Desired":
        replicas = parse_replicas(cell)
        if replicas == deployment.desired:
            return None
        return Patch(namespace, name, column, text, replicas=replicas, uid=deployment.uid)
    images = changed_images(cell, deployment.images)
    return Patch(namespace, name, column, text, images=images, uid=deployment.uid) if images else None
