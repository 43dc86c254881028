from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0004_what_is_taken_back")]

    operations = [
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["severity", "-detected_at", "-id"], name="incident_gravest"),
        ),
    ]
