"""Prints the table of settings, for ``make readme``."""

import sys

from gateway.settings.all_settings import settings_table

sys.stdout.write(settings_table())
