"""The table of settings in the documentation."""

from gateway.settings.all_settings import settings
from gateway.settings.setting import EVERYWHERE, Setting

__all__ = ["settings_table"]


def settings_table() -> str:
    """The settings as a Markdown table, one row each."""
    rows = ["| Option | Environment variable | Default | What it does |", "|---|---|---|---|"]
    for setting in settings():
        option = f"`{setting.option}`{_value(setting)}"
        default = setting.default_words or f"`{setting.default}`"
        rows.append(f"| {option} | `{setting.variable}` | {default} | {setting.help}{_only(setting)} |")
    return "\n".join(rows) + "\n"


def _value(setting: Setting) -> str:
    if setting.type is bool:
        return ""
    return " " + (", ".join(f"`{choice}`" for choice in setting.choices) or f"`{setting.metavar}`")


def _only(setting: Setting) -> str:
    return "" if setting.commands == EVERYWHERE else f" (`{'`, `'.join(setting.commands)}` only)"
