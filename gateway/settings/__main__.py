"""Prints the table of settings, for ``make readme``."""

import sys

from gateway.settings.table import settings_table

sys.stdout.write(settings_table())
