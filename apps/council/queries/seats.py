from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from apps.access.models import User
from apps.access.queries import holders
from apps.common.clock import now
from apps.council.models import Motion, Seat
from apps.council.rules import Constitution, Ties, recusal

TiesOf = Callable[[User, Motion], Ties]


def live_seats() -> QuerySet[Seat]:
    """Seats held now by people who can sign in."""
    moment = now()
    ended = Q(ends_at__isnull=False, ends_at__lte=moment)
    found: QuerySet[Seat] = Seat.objects.filter(starts_at__lte=moment, user__is_active=True)
    return found.exclude(ended).select_related("user__department", "alternate__department")


def past_seats() -> list[Seat]:
    """Seats that have ended, newest first."""
    ended = Seat.objects.filter(ends_at__lte=now()).select_related("user__department")
    return list(ended.order_by("-ends_at", "-pk")[:100])


def fit_alternates(seats: Sequence[Seat]) -> dict[int, list[User]]:
    """By seat, who may be named for it: of the same department, with the right to sit, and
    neither a seat nor another seat to stand by for."""
    open_ones = Seat.objects.filter(ends_at=None)
    sitting = set(open_ones.values_list("user_id", flat=True))
    held = dict(open_ones.exclude(alternate=None).values_list("alternate_id", "pk"))
    right = holders("council.sit").exclude(pk__in=sitting).order_by("display_name", "pk")
    people = list(right.select_related("department"))
    return {
        seat.pk: [
            person
            for person in people
            if person.department_id == seat.user.department_id
            and held.get(person.pk, seat.pk) == seat.pk
        ]
        for seat in seats
    }


def named_authority(rules: Constitution) -> User | None:
    """Who decides where too few members may vote."""
    return User.objects.filter(username=rules.authority).first() if rules.authority else None


@dataclass(frozen=True)
class Place:
    """Who sits for a seat on a motion: `recusal` says why whoever sits does not vote, `because`
    why it is the alternate who sits."""

    seat: Seat
    user: User
    recusal: str = ""
    because: str = ""


def places(motion: Motion, seats: Iterable[Seat], ties_of: TiesOf) -> list[Place]:
    """The council as it would sit on the motion now. The alternate takes the place of a member
    who does not vote or is away, if nothing binds the alternate either."""
    seats = list(seats)
    named = [seat.alternate_id for seat in seats if seat.alternate_id is not None]
    fit: set[int] = set()
    if named:
        sitting = {seat.user_id for seat in seats}
        right = holders("council.sit").filter(pk__in=named).values_list("pk", flat=True)
        fit = set(right) - sitting
    return [place(motion, seat, ties_of, fit) for seat in seats]


def place(motion: Motion, seat: Seat, ties_of: TiesOf, fit: set[int]) -> Place:
    ties = ties_of(seat.user, motion)
    reason = recusal(ties, motion.klass)
    because = reason or ties.away
    other = seat.alternate
    if not because or other is None or other.pk not in fit:
        return Place(seat, seat.user, recusal=reason)
    if not recusal(ties_of(other, motion), motion.klass):
        fit.discard(other.pk)
        return Place(seat, other, because=because)
    return Place(seat, seat.user, recusal=reason)
