"""Names of processes from before there was an inventory bound nothing, and were nobody's choice.
From now on a name bounds what agents do, so these are taken away; people name processes anew."""

from django.db import migrations


def clear(apps, schema_editor):
    apps.get_model("registry", "Grant").objects.exclude(process="").update(process="")


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_barriers")]
    operations = [migrations.RunPython(clear, migrations.RunPython.noop)]
