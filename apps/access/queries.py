from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from apps.access.matrix import MATRIX, ROLES
from apps.access.models import RoleAssignment, User
from apps.common.clock import now


def roles_of(user: User) -> frozenset[str]:
    """The person's live roles; read once per request, for the user object is made anew in each."""
    cached: frozenset[str] | None = getattr(user, "_live_roles", None)
    if cached is None:
        cached = frozenset(live_assignments().filter(user=user).values_list("role", flat=True))
        user._live_roles = cached  # type: ignore[attr-defined]
    return cached


def live_assignments() -> QuerySet[RoleAssignment]:
    moment = now()
    ended = Q(ends_at__isnull=False, ends_at__lte=moment)
    found: QuerySet[RoleAssignment] = RoleAssignment.objects.filter(
        starts_at__lte=moment, user__is_active=True
    ).exclude(ended)
    return found


def holds(user: Any, permission: str) -> bool:
    """Whether the person holds the permission by a live role. Superusers get no bypass."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return any(permission in MATRIX[role] for role in roles_of(user))


def people() -> list[User]:
    """Everybody who can sign in, with `roles_now` (titles) for the people page."""
    found = list(User.objects.filter(is_active=True).select_related("department", "manager"))
    given: dict[int, list[RoleAssignment]] = {}
    for assignment in live_assignments():
        given.setdefault(assignment.user_id, []).append(assignment)
    for user in found:
        user.roles_now = [  # type: ignore[attr-defined]
            (assignment.pk, ROLES[assignment.role]) for assignment in given.get(user.pk, [])
        ]
    return sorted(found, key=str)


def holders(permission: str) -> QuerySet[User]:
    """Everybody who holds the permission now."""
    roles = [role for role, permissions in MATRIX.items() if permission in permissions]
    held = live_assignments().filter(role__in=roles).values("user_id")
    return User.objects.filter(is_active=True, pk__in=held)


def chains_of_command(people: Iterable[int]) -> dict[int, set[int]]:
    """For each person everybody above them, up to the top."""
    pairs = User.objects.filter(manager__isnull=False).values_list("pk", "manager_id")
    boss: dict[int, int | None] = dict(pairs)
    return {person: above(person, boss) for person in people}


def above(person: int, boss: Mapping[int, int | None]) -> set[int]:
    found: set[int] = set()
    at = boss.get(person)
    while at is not None and at not in found:
        found.add(at)
        at = boss.get(at)
    return found
