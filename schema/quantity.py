"""Kubernetes quantities: what is one, and which of two is more.

The rules are those of ``resource.Quantity`` in k8s.io/apimachinery: a decimal number, then a binary
suffix (``Ki`` … ``Ei``), a decimal one (``n`` … ``E``) or an exponent.
"""

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

__all__ = ["parse_quantity"]

QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,9}))?"
)
BINARY = {suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def parse_quantity(text: str) -> Decimal:
    """The exact value, for comparing and ordering; ValueError where Kubernetes would refuse it."""
    match = QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a quantity: {text[:40]!r}")
    number = Decimal(match["number"])
    # as many digits as the product can have: a quantity is never rounded here
    context = Context(prec=len(text) + 20, Emax=MAX_EMAX, Emin=MIN_EMIN)
    if match["binary"]:
        return context.multiply(number, Decimal(BINARY[match["binary"]]))
    exponent = DECIMAL[match["decimal"]] if match["decimal"] else int(match["exponent"] or 0)
    return number.scaleb(exponent, context)
