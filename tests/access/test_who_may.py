"""Roles, rights and signing in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.matrix import MATRIX, PERMISSIONS, ROLES
from apps.access.models import Department, RoleAssignment, SignInFailure, User
from apps.access.queries import holds
from apps.access.services import give_role, require, save_preferences, take_role
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from tests.conftest import person


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_gives_exactly_what_the_matrix_says(role: str, department: Department) -> None:
    user = person(department, "somebody", role)
    held = {permission for permission in PERMISSIONS if holds(user, permission)}
    assert held == set(MATRIX[role])


def test_a_stranger_holds_nothing(stranger: User) -> None:
    assert not any(holds(stranger, permission) for permission in PERMISSIONS)


def test_a_superuser_flag_opens_no_door(stranger: User) -> None:
    User.objects.filter(pk=stranger.pk).update(is_superuser=True, is_staff=True)
    assert not holds(again(stranger), "people.manage")


def test_a_role_that_has_ended_or_not_begun_gives_nothing(stranger: User) -> None:
    given = give_role(actor=None, user=stranger, role="auditor", reason="x")
    assert holds(again(stranger), "audit.view")
    given.starts_at = now() + dt.timedelta(hours=1)
    given.save()
    assert not holds(again(stranger), "audit.view")


def test_someone_who_left_holds_nothing(auditor: User) -> None:
    User.objects.filter(pk=auditor.pk).update(is_active=False)
    assert not holds(again(auditor), "audit.view")


def test_nobody_gives_or_takes_a_role_of_their_own(administrator: User) -> None:
    with pytest.raises(NotPermitted):
        give_role(actor=administrator, user=administrator, role="auditor", reason="x")
    own = RoleAssignment.objects.get(user=administrator)
    with pytest.raises(NotPermitted):
        take_role(actor=administrator, assignment_id=own.pk, reason="x")


def test_a_role_is_given_once_and_taken_once(administrator: User, stranger: User) -> None:
    given = give_role(actor=administrator, user=stranger, role="auditor", reason="x")
    with pytest.raises(Conflict):
        give_role(actor=administrator, user=stranger, role="auditor", reason="x")
    take_role(actor=administrator, assignment_id=given.pk, reason="x")
    with pytest.raises(Conflict):
        take_role(actor=administrator, assignment_id=given.pk, reason="x")
    assert not holds(again(stranger), "audit.view")


def test_a_refusal_is_recorded(stranger: User) -> None:
    with pytest.raises(NotPermitted):
        give_role(actor=stranger, user=stranger, role="auditor", reason="x")
    assert LedgerEvent.objects.filter(type="access.refused", outcome="denied").exists()


def test_the_system_is_nobody_while_a_person_acts(db: None) -> None:
    with acting(kind="person", id="1", label="Ines"), pytest.raises(NotPermitted):
        require(None, "people.manage")


def test_a_permission_that_does_not_exist_is_a_mistake_in_code(stranger: User) -> None:
    with pytest.raises(KeyError):
        require(stranger, "everything.everywhere")


def sign_in(username: str, password: str, following: str = "") -> object:
    page = Client()
    body = {"username": username, "password": password}
    return page.post(f"/sign-in{'?next=' + following if following else ''}", body)


def test_a_wrong_name_and_a_wrong_password_are_told_alike(auditor: User) -> None:
    wrong_name = sign_in("nobody", "x").content.decode()  # type: ignore[attr-defined]
    wrong_word = sign_in("auditor", "y").content.decode()  # type: ignore[attr-defined]
    sentence = wrong_name.split('role="alert"')[1].split("</div>")[0]
    assert sentence == wrong_word.split('role="alert"')[1].split("</div>")[0]


def test_the_fifth_failure_makes_the_name_wait(auditor: User) -> None:
    for _ in range(5):
        sign_in("auditor", "y")
    response = sign_in("auditor", "x")
    assert response.status_code == 429  # type: ignore[attr-defined]
    SignInFailure.objects.update(blocked_until=now() - dt.timedelta(seconds=1))
    assert sign_in("auditor", "x").status_code == 302  # type: ignore[attr-defined]


def test_signing_in_does_not_lead_to_another_site(auditor: User) -> None:
    for where in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        response = sign_in("auditor", "x", where)
        assert "evil" not in response["Location"]  # type: ignore[index]
        assert "javascript" not in response["Location"]  # type: ignore[index]


def test_a_demonstrations_people_are_listed_only_there(
    auditor: User, settings: pytest.FixtureRequest
) -> None:
    settings.DEMO = False  # type: ignore[attr-defined]
    assert b"council-demo" not in Client().get("/sign-in").content
    settings.DEMO = True  # type: ignore[attr-defined]
    assert b"council-demo" in Client().get("/sign-in").content


def test_signing_out_needs_a_post(auditor: User, signed_in: Callable[[User], Client]) -> None:
    assert signed_in(auditor).get("/sign-out").status_code == 405


def test_preferences_are_kept_and_nothing_else_is(stranger: User) -> None:
    save_preferences(user=stranger, theme="dark")
    assert again(stranger).theme == "dark"
    with pytest.raises(Invalid):
        save_preferences(user=stranger, is_superuser=True)
