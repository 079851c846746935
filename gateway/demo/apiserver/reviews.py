"""Authentication, and access reviews: every authenticated user has every permission."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.demo.apiserver.statuses import bad_request, unauthorized

__all__ = ["REVIEWS", "User", "authenticate", "review"]

REVIEWS = frozenset(
    (
        "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectrulesreviews.authorization.k8s.io",
        "selfsubjectreviews.authentication.k8s.io",
    )
)
ALL_RULES = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}


@dataclass(frozen=True, slots=True)
class User:
    """The user of a request."""

    name: str
    groups: tuple[str, ...]


ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


def authenticate(authorization: str, tokens: Mapping[str, str]) -> User:
    """The user of a bearer token; without configured tokens the administrator. Refuses (401) others."""
    if not tokens:
        return ADMIN
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or token not in tokens:
        raise unauthorized()
    return User(tokens[token], ("system:authenticated",))


def review(plural: str, body: Mapping[str, Any], user: User) -> dict[str, Any]:
    """The response to a posted review. Refuses (400) a rules review without a namespace."""
    answer: dict[str, Any] = {**body, "metadata": body.get("metadata") or {}}
    if plural == "selfsubjectreviews":
        info = {"username": user.name, "groups": list(user.groups)}
        return {**answer, "status": {"userInfo": info}}
    if plural == "selfsubjectrulesreviews":
        if not (body.get("spec") or {}).get("namespace"):
            raise bad_request("no namespace on request")
        return {**answer, "spec": {}, "status": ALL_RULES}
    return {**answer, "status": {"allowed": True}}
