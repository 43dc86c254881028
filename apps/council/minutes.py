"""The minutes of a sitting, written from the records (no template: their digest is signed)."""

from __future__ import annotations

from apps.access.models import User
from apps.council.models import Motion, Note, Sitting
from apps.council.queries.agenda import decided_in


def minutes_of(sitting: Sitting) -> str:
    """Plain text: who was there, what was on the agenda, what was said and decided meanwhile."""
    people = {user.pk: str(user) for user in User.objects.filter(pk__in=sitting.present)}
    names = ", ".join(sorted(people.values())) or "nobody"
    lines = [
        f"Minutes of {sitting.reference}, {sitting.title}",
        f"Held {moment(sitting.opened_at)} to {moment(sitting.closed_at)}",
        f"Place: {sitting.place or 'not given'}",
        f"Present: {names}",
        f"Called by: {sitting.called_by}",
        "",
        "Decisions",
    ]
    told = [line for motion in decided_in(sitting) for line in motion_lines(motion)]
    lines += told or ["None fell."]
    lines += ["", "Notes"]
    notes = Note.objects.filter(sitting=sitting).order_by("at", "pk")
    lines += [
        f"{moment(note.at)} {note.author_label} on {note.item or 'the sitting'}: {note.text}"
        for note in notes
    ] or ["None."]
    return "\n".join(lines) + "\n"


def motion_lines(motion: Motion) -> list[str]:
    result = motion.result
    counted = (
        f"{result['for']} for, {result['against']} against, {result['abstained']} abstained, "
        f"{result['cast']} of {result['eligible']} eligible cast"
        if result
        else "not counted yet"
    )
    return [
        f"{motion.reference} {motion.title} ({motion.get_klass_display()}): "
        f"{motion.get_status_display()}; {counted}.",
        f"  Packet {motion.packet_digest}",
    ]


def moment(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if value else "–"
