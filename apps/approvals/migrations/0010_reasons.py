from django.db import migrations


class Migration(migrations.Migration):
    """Nothing: the reasons that the product comes with are installed after migrating
    (apps/approvals/apps.py), through the service, so that the ledger tells of them. Rows that this
    migration wrote in earlier installations stay."""

    dependencies = [("approvals", "0009_life_cycle")]
    operations = []
