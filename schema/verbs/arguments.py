"""The arguments that several verbs have."""

from schema.verbs.spec import OBJECT_INPUT, Argument

__all__ = [
    "DRY_RUN",
    "FIELD_SELECTOR",
    "FORCE",
    "GRACE_PERIOD",
    "LABEL_SELECTOR",
    "NAME",
    "NAMESPACE",
    "RESOURCE_VERSION",
    "UID",
    "WRITE_OPTIONS",
    "WRITTEN",
]

NAME = Argument("name", "String!", "The name of the object.")
NAMESPACE = Argument(
    "namespace",
    "String",
    "The namespace of the object. Default: the namespace of the context, else `default`.",
    needs_namespaces=True,
)
LABEL_SELECTOR = Argument(
    "labelSelector",
    "String",
    "A label selector, as in `kubectl -l`: `app=web,tier in (a,b),!legacy`.",
    "label_selector",
)
FIELD_SELECTOR = Argument(
    "fieldSelector",
    "String",
    "A field selector, as in `kubectl --field-selector`: `status.phase=Running`.",
    "field_selector",
)
DRY_RUN = Argument(
    "dryRun",
    "Boolean",
    "Answer with the object that would be stored, and store nothing.",
    "dry_run",
    default=False,
)
_FIELD_MANAGER = Argument(
    "fieldManager",
    "String",
    "The owner of the written fields. Default: `kube-graphql`.",
    "field_manager",
)
_FIELD_VALIDATION = Argument(
    "fieldValidation",
    "FieldValidation",
    "How fields are handled that the API server does not know, or that occur twice.",
    "field_validation",
    default="STRICT",
)
_OBJECT = Argument(
    "object", OBJECT_INPUT, "The object. Its `metadata.namespace` may give the namespace.", "written"
)
_OBJECT_JSON = Argument(
    "objectJson",
    "JSON",
    "The object as JSON, in place of `object`: for fields that the schema does not declare.",
    "written_json",
)
RESOURCE_VERSION = Argument(
    "resourceVersion",
    "String",
    "Change only this version of the object; another version is a `CONFLICT`.",
    "resource_version",
)
UID = Argument("uid", "String", "Change only the object with this UID; another one is a `CONFLICT`.")
FORCE = Argument("force", "Boolean", "Take over fields that other managers own.", default=False)
GRACE_PERIOD = Argument(
    "gracePeriodSeconds",
    "Int",
    "Seconds that the object has to shut down; 0 deletes it at once.",
    "grace_period_seconds",
)

WRITE_OPTIONS = (DRY_RUN, _FIELD_MANAGER, _FIELD_VALIDATION)
WRITTEN = (_OBJECT, _OBJECT_JSON, NAMESPACE)
