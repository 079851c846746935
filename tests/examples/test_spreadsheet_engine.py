"""The engine of the spreadsheet example, in Python and in JavaScript, in a simulated world.

Covers ``examples/spreadsheet/kubesheet/cells.py`` and ``examples/spreadsheet/kubesheet/engine.py``.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples.spreadsheet_engines import AnyEngine, PythonEngine, javascript_engine
from tests.examples.spreadsheet_world import COLUMNS, NAMESPACE, World, event, item
from tests.fixtures.properties import examples


@pytest.fixture(scope="module", params=["python", pytest.param("javascript", marks=pytest.mark.node)])
def engine(request: pytest.FixtureRequest) -> Iterator[AnyEngine]:
    if request.param == "python":
        yield PythonEngine()
    else:
        with javascript_engine() as started:
            yield started


@pytest.fixture
def world(engine: AnyEngine) -> World:
    """Deployments ``api`` (2 replicas) and ``web`` (3), shown in the sheet."""
    world = World(engine)
    world.store("api", 2, "api:1")
    world.store("web", 3, "nginx:1")
    world.connect()
    world.settle()
    return world


def test_the_sheet_shows_the_deployments_by_name(world: World) -> None:
    assert world.rows == [["api", 2, 2, 2, "api:1", None], ["web", 3, 3, 3, "nginx:1", None]]


def test_nothing_is_written_before_the_whole_set_is_known(engine: AnyEngine) -> None:
    world = World(engine)
    engine.apply(event("ADDED", 5, item("web", 5, 3)))
    assert world.step() == {"writes": [], "patches": []}


def test_a_change_in_the_cluster_reaches_its_cells_only(world: World) -> None:
    world.store("web", 5, "nginx:2", actual=4, ready=1)
    world.deliver()
    written = {(write["row"], write["column"], write["value"]) for write in world.step()["writes"]}
    assert written == {(1, "Desired", 5), (1, "Actual", 4), (1, "Ready", 1), (1, "Image", "nginx:2")}


def test_an_edit_of_desired_scales_once(world: World) -> None:
    world.type("web", "Desired", "5")
    (patch,) = world.step()["patches"]
    assert (patch["namespace"], patch["name"], patch["replicas"]) == (NAMESPACE, "web", 5)
    assert world.step()["patches"] == []
    world.settle()
    assert world.desired("web") == 5


def test_an_edit_of_image_patches_the_container(world: World) -> None:
    world.type("web", "Image", "nginx:1.29@sha256:0123")
    (patch,) = world.step()["patches"]
    assert (patch["images"], patch["uid"], patch["replicas"]) == (
        {"main": "nginx:1.29@sha256:0123"},
        "uid-web",
        None,
    )


def test_images_of_several_containers_are_edited_by_name(world: World) -> None:
    containers = [{"name": "app", "image": "app:1"}, {"name": "proxy", "image": "envoy:1"}]
    world.store("web", 3, containers=containers)
    world.settle()
    assert world.shown("web")["Image"] == "app=app:1, proxy=envoy:1"
    world.type("web", "Image", "app=app:1")
    assert world.step()["patches"] == []
    assert world.shown("web")["Note"] == "⚠ Image must name every container: app=…, proxy=…"
    world.type("web", "Image", "proxy=envoy:2,app=app:1")
    (patch,) = world.step()["patches"]
    assert patch["images"] == {"proxy": "envoy:2"}


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "  ",
        "-",
        "-1",
        -1,
        "1.",
        1.5,
        "1e2",
        "3x",
        "x",
        "+3",
        "=1+2",
        "٣",
        True,
        False,
        "1 0",
        "0x3",
        "2147483648",
        10**12,
        "12345678901",
        "NaN",
        "3,0",
    ],
)
def test_an_invalid_edit_of_desired_scales_nothing_and_stays(world: World, content: Any) -> None:
    world.type("web", "Desired", content)
    for _ in range(3):
        assert world.step()["patches"] == []
        assert world.shown("web")["Desired"] == content
    assert str(world.shown("web")["Note"]).startswith("⚠ Desired ")
    world.store("web", 7, actual=7)
    world.deliver()
    assert world.step()["patches"] == []
    assert (world.shown("web")["Desired"], world.shown("web")["Actual"]) == (content, 7)


@pytest.mark.parametrize("content", [None, "", "nginx:", "nginx@", "ng inx:2", "-x", 5, "a,b", "main=nginx"])
def test_an_invalid_edit_of_image_patches_nothing_and_stays(world: World, content: Any) -> None:
    world.type("web", "Image", content)
    assert world.step()["patches"] == []
    assert world.shown("web")["Image"] == content
    assert str(world.shown("web")["Note"]).startswith("⚠ Image ")


@pytest.mark.parametrize("content", [3, "3", " 3 ", "03", 3.0])
def test_the_same_number_in_other_words_is_no_edit(world: World, content: Any) -> None:
    world.type("web", "Desired", content)
    assert world.step()["patches"] == []
    assert world.shown("web")["Note"] is None


def test_zero_scales_to_zero(world: World) -> None:
    world.type("web", "Desired", 0)
    world.settle()
    assert world.desired("web") == 0


def test_a_correction_of_an_invalid_edit_clears_the_note(world: World) -> None:
    world.type("web", "Desired", "4x")
    world.settle()
    world.type("web", "Desired", "4")
    world.settle()
    assert (world.desired("web"), world.shown("web")["Note"]) == (4, None)


def test_a_refused_patch_puts_desired_back_and_says_why(world: World) -> None:
    world.type("web", "Desired", 50)
    (patch,) = world.step()["patches"]
    world.engine.refused(patch, "exceeded quota:\n compute")
    world.step()
    assert (world.shown("web")["Desired"], world.shown("web")["Note"]) == (
        3,
        "⚠ Desired 50 refused: exceeded quota: compute",
    )
    assert world.step() == {"writes": [], "patches": []}
    world.type("web", "Desired", 4)
    world.settle()
    assert (world.desired("web"), world.shown("web")["Note"]) == (4, None)


def test_a_refused_image_is_put_back(world: World) -> None:
    world.type("web", "Image", "nginx:2")
    (patch,) = world.step()["patches"]
    world.engine.refused(patch, "the object has been modified")
    world.step()
    assert world.shown("web")["Image"] == "nginx:1"
    assert world.shown("web")["Note"] == "⚠ Image nginx:2 refused: the object has been modified"


def test_a_new_edit_while_a_patch_is_in_flight_follows_it(world: World) -> None:
    world.type("web", "Desired", 5)
    (first,) = world.step()["patches"]
    world.type("web", "Desired", 6)
    assert world.step() == {"writes": [], "patches": []}
    world.accept(first)
    world.patches.clear()
    (second,) = world.step()["patches"]
    assert second["replicas"] == 6


def test_a_new_edit_survives_the_refusal_of_the_first(world: World) -> None:
    world.type("web", "Desired", 50)
    (first,) = world.step()["patches"]
    world.type("web", "Desired", 6)
    world.engine.refused(first, "no")
    world.patches.clear()
    world.settle()
    assert world.desired("web") == 6


def test_a_lost_patch_is_sent_again(world: World) -> None:
    world.type("web", "Desired", 5)
    (first,) = world.step()["patches"]
    world.engine.unanswered(first)
    assert world.step()["patches"] == [first]


def test_an_event_older_than_the_answer_does_not_undo_the_edit(world: World) -> None:
    world.type("web", "Desired", 5)
    (patch,) = world.step()["patches"]
    old = event("MODIFIED", world.version, item("web", world.version, 3, actual=2))
    world.store("web", 5)
    world.events.clear()
    world.engine.accepted(patch, str(world.version))
    world.engine.apply(old)
    world.step()
    assert world.shown("web")["Desired"] == 5


def test_the_users_edit_wins_over_a_simultaneous_change(world: World) -> None:
    world.type("web", "Desired", 5)
    world.store("web", 9)
    world.settle()
    assert (world.desired("web"), world.shown("web")["Desired"]) == (5, 5)


def test_what_a_locked_sheet_still_shows_is_no_edit(world: World) -> None:
    """While the file is open elsewhere, the cluster's changes cannot be written."""
    world.store("web", 9)
    world.deliver()
    for _ in range(2):
        assert world.step(written=False)["patches"] == []
    world.type("api", "Desired", 4)
    (patch,) = world.step(written=False)["patches"]
    assert patch["name"] == "api"
    world.settle()
    assert world.shown("web")["Desired"] == 9


def test_the_row_that_is_being_edited_is_left_alone(world: World) -> None:
    world.store("web", 9, actual=9)
    world.remove("api")
    world.deliver()
    assert world.step(editing=1)["writes"] == [{"op": "delete", "namespace": NAMESPACE, "row": 0}]
    assert world.shown("web")["Desired"] == 3
    world.remove("web")
    world.deliver()
    assert world.step(editing=0)["writes"] == []
    assert world.step()["writes"] == [{"op": "delete", "namespace": NAMESPACE, "row": 0}]


def test_sorted_rows_and_empty_rows_change_nothing(world: World) -> None:
    world.rows = [[None] * 6, *reversed(world.rows), ["", None, None, None, None, "my own remark"]]
    assert world.step() == {"writes": [], "patches": []}


def test_a_deleted_row_comes_back_and_scales_nothing(world: World) -> None:
    world.rows = [row for row in world.rows if row[0] != "web"]
    assert world.step()["patches"] == []
    assert world.shown("web")["Desired"] == 3


def test_an_edit_on_one_copy_of_a_row_reaches_the_others(world: World) -> None:
    world.rows.append(list(world.row("web")))
    assert world.step() == {"writes": [], "patches": []}
    world.rows[1][1] = 5
    world.settle()
    assert world.desired("web") == 5
    assert [row[1] for row in world.rows if row[0] == "web"] == [5, 5]


def test_a_refusal_puts_all_copies_back(world: World) -> None:
    world.rows.append(list(world.row("web")))
    world.rows[2][1] = 5
    (patch,) = world.step()["patches"]
    world.engine.refused(patch, "no")
    world.patches.clear()
    world.settle()
    assert [row[1] for row in world.rows if row[0] == "web"] == [3, 3]


def test_a_locked_sheet_does_not_undo_an_edit_of_one_copy(world: World) -> None:
    world.rows.append(list(world.row("web")))
    world.step()
    world.rows[1][1] = 5
    (patch,) = world.step(written=False)["patches"]
    world.accept(patch)
    world.patches.clear()
    for _ in range(3):
        world.deliver()
        assert world.step(written=False)["patches"] == []
    world.settle()
    assert world.desired("web") == 5


def test_different_edits_on_copies_of_a_row_are_not_guessed(world: World) -> None:
    world.rows.append(list(world.row("web")))
    world.step()
    world.rows[1][1], world.rows[2][1] = 5, 6
    assert world.step()["patches"] == []
    assert world.rows[2][5] == "⚠ Desired has different values on rows of web"


def test_a_renamed_copy_takes_the_values_of_its_new_name(world: World) -> None:
    copy = list(world.row("api"))
    copy[0] = "web"
    world.rows.append(copy)
    assert world.step()["patches"] == []
    assert [row[1:5] for row in world.rows if row[0] == "web"] == [[3, 3, 3, "nginx:1"]] * 2


def test_names_sorted_without_the_other_columns_scale_nothing(world: World) -> None:
    world.rows[0][0], world.rows[1][0] = "web", "api"
    assert world.step()["patches"] == []
    assert (world.shown("web")["Desired"], world.shown("api")["Desired"]) == (3, 2)


def test_desired_sorted_without_the_other_columns_scales_nothing(world: World) -> None:
    world.rows[0][1], world.rows[1][1] = 3, 2
    assert world.step()["patches"] == []
    assert "sorted without the other columns" in world.shown("web")["Note"]
    world.rows[0][1], world.rows[1][1] = 2, 3
    world.step()
    assert world.shown("web")["Note"] is None


def test_an_edit_to_the_size_of_another_deployment_is_an_edit(world: World) -> None:
    world.store("api", 2, "nginx:1", actual=0, ready=0)
    world.store("web", 3, "nginx:1", actual=0, ready=0)
    world.settle()
    world.type("web", "Desired", 2)
    (patch,) = world.step()["patches"]
    assert (patch["name"], patch["replicas"]) == ("web", 2)


def test_a_name_typed_into_an_empty_row_fills_the_row(world: World) -> None:
    world.rows.append(["web", None, None, None, None, None])
    assert world.step()["patches"] == []
    assert world.rows[2][1:5] == [3, 3, 3, "nginx:1"]


def test_an_unknown_name_is_noted_and_its_row_kept(world: World) -> None:
    world.rows.append(["wbe", 7, None, None, None, None])
    assert world.step()["patches"] == []
    assert world.rows[2] == ["wbe", 7, None, None, None, "⚠ there is no deployment wbe in shop"]


def test_rows_from_an_earlier_run_follow_the_cluster(engine: AnyEngine) -> None:
    """Their contents may be as old as the file, so they are no edits."""
    world = World(engine)
    world.rows = [["web", 50, 1, 1, "nginx:0", "⚠ Desired 50 refused: no"], ["gone", 4, 4, 4, "x:1", None]]
    world.store("web", 3)
    world.connect()
    assert world.step()["patches"] == []
    assert world.row("web") == ["web", 3, 3, 3, "nginx:1", None]
    assert world.row("gone")[5] == "⚠ there is no deployment gone in shop"


def test_a_deleted_deployment_takes_its_row_with_it(world: World) -> None:
    world.remove("web")
    world.settle()
    assert [row[0] for row in world.rows] == ["api"]


def test_a_deleted_deployment_leaves_a_row_with_an_edit(world: World) -> None:
    world.type("web", "Desired", "8x")
    world.remove("web")
    world.settle()
    assert world.row("web")[5] == "⚠ there is no deployment web in shop"


def test_cells_of_the_cluster_are_restored_and_notes_of_the_user_kept(world: World) -> None:
    world.type("web", "Actual", 99)
    world.type("web", "Note", "ask Ada first")
    world.step()
    assert (world.shown("web")["Actual"], world.shown("web")["Note"]) == (3, "ask Ada first")


def test_a_failing_rollout_is_noted(world: World) -> None:
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: q",
    }
    world.store("web", 5, conditions=[failure])
    world.settle()
    assert world.shown("web")["Note"] == "⚠ exceeded quota: q"
    world.store("web", 5, conditions=[{**failure, "status": "False"}])
    world.settle()
    assert world.shown("web")["Note"] is None


def test_a_resumed_stream_keeps_everything(world: World) -> None:
    world.connect(resumed=True)
    assert world.step() == {"writes": [], "patches": []}


def test_a_fresh_stream_removes_rows_that_it_does_not_name(world: World) -> None:
    world.remove("web")
    world.connect()
    world.settle()
    assert [row[0] for row in world.rows] == ["api"]


def test_edits_made_while_disconnected_are_sent_afterwards(world: World) -> None:
    world.engine.restart()
    world.engine.apply(event("ADDED", world.version, world.stored["api"]))
    world.type("web", "Desired", 6)
    assert world.step() == {"writes": [], "patches": []}
    world.connect()
    world.settle()
    assert world.desired("web") == 6


def test_a_patch_that_outlives_its_deployment_leaves_no_trace(world: World) -> None:
    world.type("web", "Desired", 6)
    (patch,) = world.step()["patches"]
    world.patches.clear()
    world.remove("web")
    world.deliver()
    world.engine.refused(patch, "not found")
    world.step()
    world.rows = [row for row in world.rows if row[0] != "web"]
    world.store("web", 1)
    world.settle()
    assert world.row("web") == ["web", 1, 1, 1, "nginx:1", None]


# --- properties ---

NAMES = ("a", "b", "c")
JUNK: tuple[Any, ...] = (None, "", "-", "-2", -3, "1.", 2.5, "x", "=A1", True, "9e9", "٣")
NUMBERS = st.integers(0, 6)
EDITS = st.one_of(
    NUMBERS,
    NUMBERS.map(str),
    NUMBERS.map(float),
    st.sampled_from(JUNK),
    st.text(max_size=3).filter(lambda t: not t.strip().isdecimal()),
)
IMAGES = st.sampled_from(["x:1", "x:2", "y", "", None, "bad:", 4])
INDEX = st.integers(0, 8)

CLUSTER_ACTION = st.one_of(
    st.tuples(st.just("store"), st.sampled_from(NAMES), NUMBERS, st.sampled_from(["x:1", "x:2"]), NUMBERS),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("reconnect"), st.booleans()),
    st.tuples(st.just("plan"), st.booleans()),
    st.tuples(st.just("held step"), INDEX),
    st.tuples(st.just("answer"), st.sampled_from(["accept", "refuse", "lose"])),
)
EDIT_ACTION = st.one_of(
    st.tuples(st.just("desired"), INDEX, EDITS),
    st.tuples(st.just("image"), INDEX, IMAGES),
)
ORDER_ACTION = st.one_of(
    st.tuples(st.just("sort"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("insert"), INDEX),
    st.tuples(st.just("delete"), INDEX),
)
COPY_ACTION = st.one_of(
    st.tuples(st.just("duplicate"), INDEX, INDEX),
    st.tuples(st.just("rename"), INDEX, st.sampled_from([*NAMES, "nobody", "", None])),
    st.tuples(st.just("swap names"), INDEX, INDEX),
)
LIVE_COPY_ACTION = st.one_of(
    st.tuples(st.just("duplicate"), INDEX, INDEX),
    st.tuples(st.just("rename live"), INDEX, st.sampled_from([*NAMES, "nobody", "", None])),
)


class Play:
    """Carries out generated actions, and knows which contents the user has typed."""

    def __init__(self, engine: AnyEngine, *, is_checked: bool = True) -> None:
        self.world = World(engine)
        self.is_checked = is_checked
        self.typed: set[tuple[str, str]] = set()
        self.plans: list[dict[str, Any]] = []
        self.world.store("a", 2, "x:1")
        self.world.store("b", 3, "x:2")
        self.world.connect()
        self.step()

    def step(self, *, written: bool = True, editing: int | None = None) -> None:
        plan = self.world.step(written=written, editing=editing)
        self.plans.append(plan)
        for patch in plan["patches"]:
            assert (patch["column"], patch["cell"]) in self.typed or not self.is_checked, patch

    def run(self, action: tuple[Any, ...]) -> None:
        name, *arguments = action
        getattr(self, name.replace(" ", "_"))(*arguments)

    def store(self, name: str, desired: int, image: str, actual: int) -> None:
        self.world.store(name, desired, image, actual=actual, ready=actual)

    def remove(self, name: str) -> None:
        if name in self.world.stored:
            self.world.remove(name)

    def deliver(self) -> None:
        self.world.deliver()

    def reconnect(self, resumed: bool) -> None:
        self.world.connect(resumed=resumed)

    def plan(self, written: bool) -> None:
        self.step(written=written)

    def held_step(self, row: int) -> None:
        self.step(editing=row if row < len(self.world.rows) else None)

    def answer(self, answer: str) -> None:
        if not self.world.patches:
            return
        patch = self.world.patches.pop(0)
        if answer == "accept":
            self.world.accept(patch)
        elif answer == "refuse":
            self.world.engine.refused(patch, "quota")
        else:
            self.world.engine.unanswered(patch)

    def _edit(self, row: int, column: str, content: Any) -> None:
        if row < len(self.world.rows):
            self.world.rows[row][COLUMNS.index(column)] = content
            number = int(content) if isinstance(content, float) and content.is_integer() else content
            self.typed.add((column, str(number).strip()))

    def desired(self, row: int, content: Any) -> None:
        self._edit(row, "Desired", content)

    def image(self, row: int, content: Any) -> None:
        self._edit(row, "Image", content)

    def sort(self, column: int, reverse: bool) -> None:
        self.world.rows.sort(key=lambda row: str(row[column]), reverse=reverse)

    def insert(self, row: int) -> None:
        self.world.rows.insert(row, [None] * 6)

    def delete(self, row: int) -> None:
        del self.world.rows[row : row + 1]

    def duplicate(self, row: int, target: int) -> None:
        for copied in self.world.rows[row : row + 1]:
            self.world.rows.insert(target, list(copied))

    def rename_live(self, row: int, name: str | None) -> None:
        """Rename while the sheet is synchronised, not in one save with an edit of the same row."""
        self.step()
        self.rename(row, name)
        self.step()

    def rename(self, row: int, name: str | None) -> None:
        for renamed in self.world.rows[row : row + 1]:
            renamed[0] = name

    def swap_names(self, one: int, other: int) -> None:
        rows = self.world.rows
        if max(one, other) < len(rows):
            rows[one][0], rows[other][0] = rows[other][0], rows[one][0]

    def rest(self) -> None:
        """Every answer arrives; then nothing changes any more."""
        while self.world.patches:
            self.answer("accept")
        self.world.connect()
        self.world.settle()


def check_rest(play: Play) -> None:
    """Every deployment has a row, and every row shows the cluster or says why not."""
    world = play.world
    names = [row[0] for row in world.rows]
    for name, content in world.stored.items():
        assert name in names
        for row in world.rows:
            if row[0] == name and not str(row[5] or "").startswith("⚠ "):
                assert float(row[1]) == content["spec"]["replicas"]
                assert row[2] == content["status"]["replicas"]
                assert row[4] == world.image(name)


@given(actions=st.lists(st.one_of(CLUSTER_ACTION, EDIT_ACTION, ORDER_ACTION, LIVE_COPY_ACTION), max_size=30))
@settings(max_examples=examples(150))
def test_whatever_happens_the_sheet_converges_and_only_typed_values_are_sent(
    engine: AnyEngine, actions: list[tuple[Any, ...]]
) -> None:
    play = Play(engine)
    for action in actions:
        play.run(action)
    play.rest()
    check_rest(play)


@given(actions=st.lists(st.one_of(CLUSTER_ACTION, ORDER_ACTION, COPY_ACTION), max_size=30))
@settings(max_examples=examples(100))
def test_rows_moved_copied_renamed_and_deleted_send_nothing(
    engine: AnyEngine, actions: list[tuple[Any, ...]]
) -> None:
    play = Play(engine)
    for action in actions:
        play.run(action)
    assert all(plan["patches"] == [] for plan in play.plans)


@given(
    before=st.lists(st.one_of(CLUSTER_ACTION, ORDER_ACTION), max_size=12),
    content=EDITS,
    after=st.lists(st.one_of(CLUSTER_ACTION, ORDER_ACTION.filter(lambda a: a[0] != "delete")), max_size=12),
)
@settings(max_examples=examples(100))
def test_an_edit_stays_until_it_is_answered(
    engine: AnyEngine, before: list[tuple[Any, ...]], content: Any, after: list[tuple[Any, ...]]
) -> None:
    play = Play(engine)
    for action in before:
        play.run(action)
    play.rest()
    edited = next((row for row in play.world.rows if row[0] in play.world.stored), None)
    if edited is None:
        return
    number = play.world.rows.index(edited)
    play.desired(number, content)
    for action in after:
        if action[0] == "remove" and action[1] == edited[0]:
            continue
        if action[0] == "answer":
            break
        play.run(action)
        current = [row for row in play.world.rows if row is edited]
        shown = play.world.desired(edited[0])
        assert current
        assert edited[1] is content or float(edited[1]) == shown


@pytest.mark.node
def test_both_engines_make_the_same_plans() -> None:
    with javascript_engine() as javascript:

        @given(
            actions=st.lists(st.one_of(CLUSTER_ACTION, EDIT_ACTION, ORDER_ACTION, COPY_ACTION), max_size=30)
        )
        @settings(max_examples=examples(200))
        def agree(actions: list[tuple[Any, ...]]) -> None:
            plays = [Play(each, is_checked=False) for each in (PythonEngine(), javascript)]
            for action in actions:
                for play in plays:
                    play.run(action)
                assert plays[0].plans == plays[1].plans
            assert plays[0].world.engine.state() == plays[1].world.engine.state()

        agree()
