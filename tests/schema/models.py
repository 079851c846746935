"""A small handwritten model, for tests of the packages that use the model."""

from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar, ServedResource, Verb
from schema.resources import GroupVersionKind, GroupVersionResource, Resource, Subresource
from schema.verbs import FieldVerb

__all__ = ["small_model"]

META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
SCALE = "io.k8s.api.autoscaling.v1.Scale"
GADGET = "io.example.v1.Gadget"
GADGET_KIND = GroupVersionKind("example.io", "v1", "Gadget")

ALL_VERBS = frozenset({"get", "list", "watch", "create", "patch", "update", "delete"})


def gadget_resource(*, namespaced: bool = True, verbs: frozenset[str] = ALL_VERBS) -> Resource:
    return Resource(
        gvr=GroupVersionResource("example.io", "v1", "gadgets"),
        kind=GADGET_KIND,
        namespaced=namespaced,
        singular="gadget",
        verbs=verbs,
        preferred=True,
        subresources=(Subresource("status", GADGET_KIND, frozenset({"get", "patch"})),),
    )


def served_gadget(resource: Resource | None = None, verbs: tuple[Verb, ...] = tuple(Verb)) -> ServedResource:
    stems = {
        Verb.LIST: "gadgets",
        Verb.GET: "gadget",
        Verb.WATCH_LIST: "gadgets",
        Verb.WATCH_OBJECT: "gadget",
    }
    names: dict[FieldVerb, str] = {verb: stems.get(verb, f"{verb.value}Gadget") for verb in verbs}
    return ServedResource(
        resource=resource or gadget_resource(),
        object=GADGET,
        list_name="GadgetList",
        event_name="GadgetEvent",
        pinned={verb: f"example_io_v1_{name}" for verb, name in names.items()},
        short=names,
    )


def small_model(*resources: ServedResource) -> Model:
    """Gadgets with every odd property there is; all verbs, unless other resources are given."""
    objects = [
        ObjectType(
            META,
            "ObjectMeta",
            "ObjectMetaInput",
            (
                Property("name", "name", Scalar.STRING),
                Property("namespace", "namespace", Scalar.STRING),
                Property("labels", "labels", Scalar.STRING_MAP),
                Property("annotations", "annotations", Scalar.STRING_MAP),
                Property("generation", "generation", Scalar.INT64),
            ),
        ),
        ObjectType(
            LIST_META, "ListMeta", "ListMetaInput", (Property("continue", "continue", Scalar.STRING),)
        ),
        ObjectType(SCALE, "Scale", "ScaleInput", (Property("spec", "spec", Scalar.JSON),)),
        ObjectType(
            GADGET,
            "Gadget",
            "GadgetInput",
            (
                Property("apiVersion", "apiVersion", Scalar.STRING),
                Property("kind", "kind", Scalar.STRING),
                Property("metadata", "metadata", Definition(META)),
                Property("spec", "spec", Definition(f"{GADGET}/spec"), "What it should be.", required=True),
            ),
            "A thing.",
            kinds=(GADGET_KIND,),
        ),
        ObjectType(
            f"{GADGET}/spec",
            "GadgetSpec",
            "GadgetSpecInput",
            (
                Property("replicas", "replicas", Scalar.INT, "How many.", default=1),
                Property("$ref", "_ref", Scalar.STRING, "A reference."),
                Property("class", "class", Scalar.STRING, enum=("gold", "iron")),
                Property("old", "old", Scalar.STRING, deprecation="Deprecated: use new."),
                Property("parts", "parts", ListOf(Definition(f"{GADGET}/spec"))),
                Property("grid", "grid", ListOf(ListOf(Scalar.INT))),
            ),
        ),
    ]
    return Model({item.id: item for item in objects}, resources or (served_gadget(),))
