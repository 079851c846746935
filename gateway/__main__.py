"""``python -m gateway`` runs the command ``kube-graphql``."""

from gateway.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main(prog_name="kube-graphql")
