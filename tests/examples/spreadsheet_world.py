"""A simulated cluster and a sheet with a user, around an engine of the spreadsheet example."""

from typing import Any

from tests.examples.spreadsheet_engines import AnyEngine

__all__ = ["COLUMNS", "NAMESPACE", "World", "event", "item"]

COLUMNS = ["Deployment", "Desired", "Actual", "Ready", "Image", "Note"]
NAMESPACE = "shop"


def item(name: str, version: int, desired: int, image: str = "nginx:1", **more: Any) -> dict[str, Any]:
    """The object of an event. ``more``: uid, actual, ready, containers, conditions."""
    containers = more.get("containers", [{"name": "main", "image": image}])
    return {
        "metadata": {
            "namespace": more.get("namespace", NAMESPACE),
            "name": name,
            "uid": more.get("uid", f"uid-{name}"),
            "resourceVersion": str(version),
        },
        "spec": {"replicas": desired, "template": {"spec": {"containers": containers}}},
        "status": {
            "replicas": more.get("actual", desired),
            "readyReplicas": more.get("ready", desired),
            "conditions": more.get("conditions"),
        },
    }


def event(kind: str, version: int, content: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": kind, "resourceVersion": str(version), "object": content}


class World:
    """The cluster stores an accepted patch and sends an event for it.

    ``rows`` is the sheet, in the user's order. :meth:`step` runs one plan. The events of the cluster reach
    the engine in order, at :meth:`deliver`.
    """

    def __init__(self, engine: AnyEngine) -> None:
        engine.reset()
        self.engine = engine
        self.version = 100
        self.stored: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.rows: list[list[Any]] = []
        self.patches: list[dict[str, Any]] = []

    # --- the cluster ---

    def store(self, name: str, desired: int, image: str = "nginx:1", **more: Any) -> None:
        self.version += 1
        kind = "MODIFIED" if name in self.stored else "ADDED"
        self.stored[name] = item(name, self.version, desired, image, **more)
        self.events.append(event(kind, self.version, self.stored[name]))

    def remove(self, name: str) -> None:
        self.version += 1
        self.events.append(event("DELETED", self.version, self.stored.pop(name)))

    def deliver(self) -> None:
        for each in self.events:
            self.engine.apply(each)
        self.events.clear()

    def connect(self, *, resumed: bool = False) -> None:
        """A new stream: resumed, or with everything afresh."""
        self.engine.restart()
        if resumed:
            self.engine.apply(event("SYNCED", int(self.engine.state()["version"])))
            return
        self.events.clear()
        for content in self.stored.values():
            self.engine.apply(event("ADDED", self.version, content))
        self.engine.apply(event("SYNCED", self.version))

    def desired(self, name: str) -> int:
        return int(self.stored[name]["spec"]["replicas"])

    def image(self, name: str) -> str:
        return str(self.stored[name]["spec"]["template"]["spec"]["containers"][0]["image"])

    def accept(self, patch: dict[str, Any]) -> None:
        """The API server's answer to a patch, and its event; NOT_FOUND without the deployment."""
        name = patch["name"]
        if name not in self.stored:
            self.engine.refused(patch, f'deployments.apps "{name}" not found')
            return
        desired = self.desired(name) if patch["replicas"] is None else patch["replicas"]
        image = patch["images"].get("main", self.image(name))
        self.store(name, desired, image)
        self.engine.accepted(patch, str(self.version))

    # --- the sheet ---

    def step(self, *, written: bool = True, editing: int | None = None) -> dict[str, Any]:
        """One plan; without ``written`` the sheet is locked."""
        held = None if editing is None else (NAMESPACE, editing)
        plan = self.engine.plan({NAMESPACE: self.rows} if self.rows else {}, held)
        if written:
            self.write(plan["writes"])
            self.engine.commit()
        self.patches += plan["patches"]
        return plan

    def write(self, writes: list[dict[str, Any]]) -> None:
        deleted = set()
        for write in writes:
            if write["op"] == "set":
                self.rows[write["row"]][COLUMNS.index(write["column"])] = write["value"]
            elif write["op"] == "delete":
                deleted.add(write["row"])
        self.rows = [row for number, row in enumerate(self.rows) if number not in deleted]
        self.rows += [list(write["cells"]) for write in writes if write["op"] == "append"]

    def settle(self) -> None:
        """Deliver, plan and accept until nothing happens any more. Fails if that takes too long."""
        for _ in range(12):
            self.deliver()
            plan = self.step()
            pending, self.patches = self.patches, []
            for patch in pending:
                self.accept(patch)
            if not plan["writes"] and not pending and not self.events:
                return
        raise AssertionError(f"no rest: {plan}")

    def row(self, name: str) -> list[Any]:
        (row,) = [row for row in self.rows if row[0] == name]
        return row

    def type(self, name: str, column: str, content: Any) -> None:
        self.row(name)[COLUMNS.index(column)] = content

    def shown(self, name: str) -> dict[str, Any]:
        return dict(zip(COLUMNS, self.row(name), strict=True))
