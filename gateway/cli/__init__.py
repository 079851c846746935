"""The command line: ``serve``, ``schema`` and ``query``.

- ``commands`` and ``options``: click commands, whose options come from :mod:`gateway.settings`.
- ``serving`` runs ``serve``; ``workers`` runs it in several processes.
- ``local`` runs ``query`` and ``schema``, without a server.
- ``connect`` starts a gateway on a cluster for all of them.

A command imports the gateway when it runs: ``--help`` then takes 0.1 s instead of 1 s.
"""

from gateway.cli.commands import main

__all__ = ["main"]
