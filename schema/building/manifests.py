"""The root fields that take a manifest, and the types of their answers, which ``diffX`` shares.

A field exists if some kind can be applied, or deleted; a gateway that only reads has none of them.
"""

from dataclasses import dataclass

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from schema.building.arguments import build_argument
from schema.model import Model, Scalar, Verb
from schema.scalars import SCALARS
from schema.verbs import VERBS, Argument

__all__ = ["OBJECT_DIFF", "ManifestResolvers", "build_manifest_mutations", "build_manifest_queries"]


@dataclass(frozen=True, slots=True)
class ManifestResolvers:
    """The functions that answer the fields; each gets the arguments by their ``parameter``."""

    apply: GraphQLFieldResolver
    delete: GraphQLFieldResolver
    diff: GraphQLFieldResolver


def build_manifest_mutations(
    model: Model, interface: GraphQLInterfaceType, resolvers: ManifestResolvers
) -> dict[str, GraphQLField]:
    """``applyManifest`` and ``deleteManifest``, as far as the model has kinds for them."""
    fields = {}
    if _serves(model, Verb.APPLY):
        fields["applyManifest"] = GraphQLField(
            GraphQLNonNull(_result("ApplyManifestResult", _applied_document(interface))),
            args=_arguments(
                *_TEXT,
                *_of(Verb.APPLY, "fieldManager", "force", "dryRun", "fieldValidation"),
                _STOP_ON_ERROR,
            ),
            resolve=resolvers.apply,
            description="Server-side apply of every object in a manifest. Namespaces and"
            " CustomResourceDefinitions come first, and are waited for; the others follow in order. Objects"
            " that an earlier manifest had, and this one has not, stay: there is no `prune`.",
        )
    if _serves(model, Verb.DELETE):
        fields["deleteManifest"] = GraphQLField(
            GraphQLNonNull(_result("DeleteManifestResult", _deleted_document(interface))),
            args=_arguments(
                *_TEXT,
                *_of(Verb.DELETE, "propagationPolicy", "gracePeriodSeconds", "dryRun"),
                _IGNORE_NOT_FOUND,
                _STOP_ON_ERROR,
            ),
            resolve=resolvers.delete,
            description="Delete every object in a manifest, in the reverse order of `applyManifest`. A"
            " deletion may last longer than the mutation.",
        )
    return fields


def build_manifest_queries(model: Model, resolvers: ManifestResolvers) -> dict[str, GraphQLField]:
    """``diffManifest``, if the model has kinds for it."""
    if not _serves(model, Verb.DIFF):
        return {}
    field = GraphQLField(
        _result("DiffManifestResult", _DOCUMENT_DIFF),
        args=_arguments(*_TEXT, *_of(Verb.DIFF, "force", "fieldManager", "fieldValidation")),
        resolve=resolvers.diff,
        description="The changes that `applyManifest` would make, by dry runs of the API server. Values of"
        " Secrets are masked, as by `kubectl diff`.",
    )
    return {"diffManifest": field}


def _serves(model: Model, verb: Verb) -> bool:
    return any(verb in served.pinned for served in model.resources)


def _arguments(*arguments: Argument) -> dict[str, GraphQLArgument]:
    return {argument.name: build_argument(argument) for argument in arguments}


def _of(verb: Verb, *names: str) -> list[Argument]:
    """The arguments that the fields of a verb have, too."""
    arguments = {argument.name: argument for argument in VERBS[verb].arguments}
    return [arguments[name] for name in names]


_MANIFEST = Argument(
    "manifest",
    "String!",
    "YAML documents, separated by `---`, or JSON objects; read as kubectl reads them. A List stands for its"
    " items.",
)
_NAMESPACE = Argument(
    "namespace",
    "String",
    "The namespace of the objects that give none; one that gives another is refused. Default: the namespace"
    " of the context, else `default`.",
)
_TEXT = (_MANIFEST, _NAMESPACE)
_STOP_ON_ERROR = Argument(
    "stopOnError",
    "Boolean",
    "Skip the remaining objects after the first failure.",
    "stop_on_error",
    default=False,
)
_IGNORE_NOT_FOUND = Argument(
    "ignoreNotFound",
    "Boolean",
    "An object that does not exist has the outcome `NOT_FOUND` without an error.",
    "ignore_not_found",
    default=False,
)


def _values(*names: str) -> dict[str, GraphQLEnumValue]:
    return {name: GraphQLEnumValue(name) for name in names}


_APPLY_OUTCOME = GraphQLEnumType(
    "ApplyOutcome",
    _values("CREATED", "CONFIGURED", "UNCHANGED", "FAILED", "SKIPPED"),
    description="The result of applying one object, as the API server shows it: `UNCHANGED` if the stored"
    " object has the same content as before.",
)
_DELETE_OUTCOME = GraphQLEnumType(
    "DeleteOutcome",
    _values("DELETED", "NOT_FOUND", "FAILED", "SKIPPED"),
    description="The result of deleting one object: `DELETED` if the API server accepted the deletion.",
)

_DOCUMENT_ERROR = GraphQLObjectType(
    "DocumentError",
    {
        "code": GraphQLField(GraphQLNonNull(GraphQLString), description="As in `extensions.code`."),
        "message": GraphQLField(GraphQLNonNull(GraphQLString)),
        "causes": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(SCALARS[Scalar.JSON]))),
            description="The API server's causes, each with `reason`, `message` and `field`. A conflict has"
            " one for each field, with its manager.",
        ),
    },
    description="The reason why one object of a manifest failed or was skipped.",
)


def _place() -> dict[str, GraphQLField]:
    return {
        "index": GraphQLField(
            GraphQLNonNull(GraphQLInt),
            description="The place of the object in the manifest, from 0; the items of a List count each.",
        ),
        "apiVersion": GraphQLField(GraphQLNonNull(GraphQLString)),
        "kind": GraphQLField(GraphQLNonNull(GraphQLString)),
        "namespace": GraphQLField(GraphQLString, description="Null for a cluster-scoped object."),
        "name": GraphQLField(GraphQLNonNull(GraphQLString)),
    }


def _error() -> dict[str, GraphQLField]:
    return {"error": GraphQLField(_DOCUMENT_ERROR, description="Null without a failure.")}


def _result(name: str, document: GraphQLObjectType) -> GraphQLObjectType:
    documents = GraphQLNonNull(GraphQLList(GraphQLNonNull(document)))
    return GraphQLObjectType(
        name,
        {"documents": GraphQLField(documents, description="One per object, in the manifest's order.")},
        description="The result for each object of a manifest.",
    )


def _applied_document(interface: GraphQLInterfaceType) -> GraphQLObjectType:
    fields: dict[str, GraphQLField] = {
        **_place(),
        "outcome": GraphQLField(GraphQLNonNull(_APPLY_OUTCOME)),
        "object": GraphQLField(interface, description="The object as stored; null after a failure."),
        **_error(),
    }
    return GraphQLObjectType("AppliedDocument", fields, description="One object of an applied manifest.")


def _deleted_document(interface: GraphQLInterfaceType) -> GraphQLObjectType:
    fields: dict[str, GraphQLField] = {
        **_place(),
        "outcome": GraphQLField(GraphQLNonNull(_DELETE_OUTCOME)),
        "object": GraphQLField(
            interface,
            description="The object while its deletion lasts: finalizers, or a grace period; else null.",
        ),
        **_error(),
    }
    return GraphQLObjectType("DeletedDocument", fields, description="One object of a deleted manifest.")


_ANY: GraphQLOutputType = SCALARS[Scalar.JSON]

_FIELD_CHANGE = GraphQLObjectType(
    "FieldChange",
    {
        "path": GraphQLField(
            GraphQLNonNull(GraphQLString),
            description='The field: `spec.template.spec.containers[name="web"].image`, `data["a.b"]`. Empty'
            " for a whole object.",
        ),
        "before": GraphQLField(_ANY, description="The live value; null if there is none."),
        "after": GraphQLField(_ANY, description="The value after the apply; null if there is none."),
    },
    description="A field that an apply would change.",
)

OBJECT_DIFF = GraphQLObjectType(
    "ObjectDiff",
    {
        "changes": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(_FIELD_CHANGE)))),
        "unified": GraphQLField(
            GraphQLNonNull(GraphQLString),
            description="Both objects as YAML, compared as by `diff -u`; empty without changes.",
        ),
    },
    description="The difference between a live object and the same object after an apply, without"
    " `managedFields`, `resourceVersion`, `generation`, `uid` and `creationTimestamp`.",
)

_DOCUMENT_DIFF = GraphQLObjectType(
    "DocumentDiff",
    {
        **_place(),
        "diff": GraphQLField(OBJECT_DIFF, description="Null after a failure."),
        **_error(),
    },
    description="The changes of one object of a manifest.",
)
