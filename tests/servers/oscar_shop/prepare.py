"""Fills a new shop's database: tables, an administrator, one product class. Prints the administrator's token."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from django.contrib.auth import get_user_model  # noqa: E402 - after setup
from oscar.core.loading import get_model  # noqa: E402 - after setup
from rest_framework.authtoken.models import Token  # noqa: E402 - after setup

user = get_user_model().objects.create_superuser("ponte", "ponte@example.com", "only for tests")
get_model("catalogue", "ProductClass").objects.create(name="Article", slug="article", track_stock=False)
print(Token.objects.create(user=user).key)
