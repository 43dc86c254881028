from django.db import migrations
from django.utils import timezone

REASONS = [
    ("approve", "matches", "Checked: matches the records", ""),
    ("approve", "exception", "Exception that I answer for", ""),
    ("approve", "agreed", "Agreed with the people concerned", ""),
    ("reject", "wrong-amount", "Wrong amount", "Check the amount against the order first."),
    ("reject", "wrong-party", "Wrong person or company", "Check who it is for first."),
    ("reject", "duplicate", "Done already", "Look for an earlier one first."),
    ("reject", "against-rules", "Against the rules", "Do not try this again."),
    ("reject", "suspicious", "Suspicious", "Stop here; a person looks into it."),
    ("return", "missing", "Something is missing", "Get what is missing, then ask again."),
    ("return", "unclear", "Unclear why", "Say what it is for, then ask again."),
    ("return", "smaller", "Do less", "Ask for less, then ask again."),
]


def write(apps, schema_editor):
    reason = apps.get_model("approvals", "ReasonCode")
    version = apps.get_model("approvals", "HistoricalReasonCode")
    for choice, slug, words, instruction in REASONS:
        fields = {"choice": choice, "slug": slug, "words": words, "instruction": instruction}
        row = reason.objects.create(**fields)
        version.objects.create(
            **fields,
            id=row.pk,
            history_date=timezone.now(),
            history_type="+",
            history_change_reason="The reasons that the product comes with.",
            actor_kind="system",
            actor_label="system",
        )


class Migration(migrations.Migration):
    dependencies = [("approvals", "0009_life_cycle")]
    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
