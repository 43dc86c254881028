from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from django.db import IntegrityError, transaction
from django.db.models import F, Model

from apps.access.matrix import PERMISSIONS, ROLES
from apps.access.models import Department, RoleAssignment, SignInFailure, User
from apps.access.queries import chains_of_command, holds
from apps.common.acting import acting, current
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record

P = ParamSpec("P")
R = TypeVar("R")

SCOPED = frozenset({"auditor", "outside_auditor"})
FREE_FAILURES = 5
LONGEST_BLOCK = dt.timedelta(minutes=15)
PREFERENCES = ("theme", "density", "time_zone", "shortcuts", "open_next", "mail", "digest_hours")


def require(user: User | None, permission: str) -> None:
    """Raises NotPermitted unless the person holds the permission, and records the refusal.

    `None` stands for the system itself and passes only where no person is acting.
    """
    if permission not in PERMISSIONS:
        raise KeyError(f"There is no permission {permission!r}.")
    if user is None and current().kind == "system":
        return
    if user is not None and holds(user, permission):
        return
    record(type="access.refused", object=user, outcome="denied", reason=permission, typed=False)
    raise NotPermitted(f"You may not do this. It needs the right “{PERMISSIONS[permission]}”.")


# Whether a verb is running already: the outermost one records a refusal, after what it began has
# been rolled back.
_inside: ContextVar[bool] = ContextVar("inside_a_verb", default=False)


def permitted(permission: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a verb with `require(actor, permission)`, before its transaction opens: a refusal
    inside it would be rolled back together with the record of the refusal."""

    def decorate(verb: Callable[P, R]) -> Callable[P, R]:
        @wraps(verb)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            actor = cast("User | None", kwargs["actor"])
            require(actor, permission)
            outer = _inside.set(True) if not _inside.get() else None
            try:
                return verb(*args, **kwargs)
            except NotPermitted as refusal:
                if outer is not None:
                    subject = next(
                        (each for each in kwargs.values() if isinstance(each, Model)), actor
                    )
                    record(
                        type="access.refused",
                        object=subject,
                        outcome="denied",
                        reason=refusal.sentence,
                        typed=False,
                    )
                raise
            finally:
                if outer is not None:
                    _inside.reset(outer)

        return checked

    return decorate


def create_department(*, slug: str, name: str) -> Department:
    department, _ = Department.objects.get_or_create(slug=slug, defaults={"name": name})
    return department  # type: ignore[no-any-return]


@permitted("people.manage")
@transaction.atomic
def give_role(
    *,
    actor: User | None,
    user: User,
    role: str,
    reason: str,
    scope: dict[str, Any] | None = None,
) -> RoleAssignment:
    """Gives a role. Nobody gives one to themselves. `scope` limits what an auditor reads."""
    if actor is not None and actor.pk == user.pk:
        raise NotPermitted("Nobody gives a role to themselves.")
    if role not in ROLES:
        raise Invalid("There is no such role.")
    with acting(reason=reason):
        assignment = RoleAssignment(
            user=user,
            role=role,
            granted_by_label=current().label,
            scope=scope_checked(role, scope or {}),
            starts_at=now(),
        )
        try:
            with transaction.atomic():
                assignment.save()
        except IntegrityError:
            raise Conflict(f"{user} holds this role already.") from None
        record(type="role.granted", object=assignment, reason=reason, after=limits(assignment))
    return assignment


def limits(assignment: RoleAssignment) -> dict[str, Any] | None:
    return {"scope": assignment.scope} if assignment.scope else None


def scope_checked(role: str, scope: dict[str, Any]) -> dict[str, Any]:
    """Only what limits, and only on an auditor's role. Raises Invalid."""
    found = {name: scope[name] for name in ("agents", "since", "until") if scope.get(name)}
    if found and role not in SCOPED:
        raise Invalid("Only an auditor's role is limited to agents or a period.")
    if found.get("since") and found.get("until") and found["since"] > found["until"]:
        raise Invalid("The period ends before it begins.")
    return found


@permitted("people.manage")
@transaction.atomic
def take_role(*, actor: User | None, assignment_id: int, reason: str) -> None:
    """Ends a role at once; the person's next request is judged without it."""
    assignment = RoleAssignment.lock(assignment_id)
    if actor is not None and actor.pk == assignment.user_id:
        raise NotPermitted("Nobody takes a role from themselves; ask another administrator.")
    with acting(reason=reason):
        if not assignment.compare_and_set(where={"ends_at__isnull": True}, ends_at=now()):
            raise Conflict("This role was taken already.")
        record(type="role.revoked", object=assignment, reason=reason)


@permitted("people.manage")
@transaction.atomic
def set_manager(*, actor: User | None, user: User, manager: User | None, reason: str) -> None:
    """Says who manages a person. Not oneself about oneself, and nobody in a circle: whoever manages
    an agent's owner does not vote on that agent."""
    if actor is not None and actor.pk == user.pk:
        raise NotPermitted("Nobody says who manages themselves; ask another administrator.")
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    row = User.objects.select_for_update().get(pk=user.pk)
    if manager is not None:
        chain = chains_of_command([manager.pk])[manager.pk]
        if row.pk == manager.pk or row.pk in chain:
            words = f"{user} stands above {manager} already."
            raise Invalid(words, fields={"manager": [words]})
    moved = User.objects.filter(pk=row.pk, manager=row.manager_id).update(manager=manager)
    if not moved:
        raise Conflict("Somebody else has just changed this.")
    record(
        type="person.manager_set",
        object=row,
        reason=reason,
        before={"manager": str(row.manager or "")},
        after={"manager": str(manager or "")},
    )


def save_preferences(*, user: User, **preferences: Any) -> None:
    """Writes a person's own preferences; other fields are refused."""
    if unknown := set(preferences) - set(PREFERENCES):
        raise Invalid(f"{unknown.pop()} is not a preference.")
    User.objects.filter(pk=user.pk).update(**preferences)


def failure_key(username: str, address: str) -> str:
    return hashlib.sha256(f"{username.lower()}|{address}".encode()).hexdigest()


def sign_in_wait(*, username: str, address: str) -> float:
    """Seconds until this name may try again from this address; 0.0 when it may now."""
    row = SignInFailure.objects.filter(pk=failure_key(username, address)).first()
    if row is None or row.blocked_until is None:
        return 0.0
    return max(0.0, (row.blocked_until - now()).total_seconds())


@transaction.atomic
def note_failed_sign_in(*, username: str, address: str) -> None:
    """Counts a failure; from the fifth on, each doubles the wait, up to a quarter of an hour."""
    key = failure_key(username, address)
    SignInFailure.objects.get_or_create(pk=key)
    SignInFailure.objects.filter(pk=key).update(failures=F("failures") + 1)
    failures = SignInFailure.objects.get(pk=key).failures
    if failures >= FREE_FAILURES:
        wait = min(LONGEST_BLOCK, dt.timedelta(seconds=2 ** (failures - FREE_FAILURES + 1)))
        SignInFailure.objects.filter(pk=key).update(blocked_until=now() + wait)
    record(
        type="access.sign_in_failed",
        object_label=username[:150],
        outcome="denied",
        after={"address": address},
    )


@transaction.atomic
def note_sign_in(*, user: User, address: str) -> None:
    SignInFailure.objects.filter(pk=failure_key(user.username, address)).delete()
    with acting(kind="person", id=str(user.pk), label=str(user)):
        record(type="access.signed_in", object=user, after={"address": address})
