"""References to one object by its name; ``test_catalogue`` has the recognition of their shapes."""

from dataclasses import replace
from typing import Any

import pytest

from schema.model import ServedResource
from schema.relations.lookup import ObjectName, Origin
from schema.relations.references import named_object
from tests.schema.models import served_gadget

GADGETS = served_gadget()
NODES = replace(GADGETS, resource=replace(GADGETS.resource, namespaced=False))


@pytest.mark.parametrize(
    ("target", "name", "namespace", "origin", "found"),
    [
        (GADGETS, "a", "n", "shop", ObjectName(GADGETS, "a", "n")),
        (GADGETS, "a", None, "shop", ObjectName(GADGETS, "a", "shop")),
        (GADGETS, "a", "", "shop", ObjectName(GADGETS, "a", "shop")),
        (GADGETS, "a", 1, "shop", ObjectName(GADGETS, "a", "shop")),
        (GADGETS, "a", None, "", None),
        (GADGETS, "", "n", "shop", None),
        (GADGETS, None, "n", "shop", None),
        (GADGETS, ["a"], "n", "shop", None),
        (NODES, "a", "n", "shop", ObjectName(NODES, "a")),
    ],
)
def test_a_name_is_in_the_given_namespace_or_in_the_own_one(
    target: ServedResource, name: Any, namespace: Any, origin: str, found: ObjectName | None
) -> None:
    assert named_object(target, name, namespace, Origin(origin)) == (() if found is None else (found,))
