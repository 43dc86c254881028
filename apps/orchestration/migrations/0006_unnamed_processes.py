"""As for permissions (registry 0005): names from before there was an inventory bound nothing."""

from django.db import migrations


def clear(apps, schema_editor):
    apps.get_model("orchestration", "Workflow").objects.exclude(process="").update(process="")


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0005_pulse")]
    operations = [migrations.RunPython(clear, migrations.RunPython.noop)]
