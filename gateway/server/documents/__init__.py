"""The documents that requests name instead of sending them, and those that may run at all.

From a request's parameters to the text of its document, the same for every transport. No I/O
beyond reading the files of trusted documents at start-up.
"""

from gateway.server.documents.requested import Documents, names_document
from gateway.server.documents.trusted import TrustedDocuments, load_trusted

__all__ = ["Documents", "TrustedDocuments", "load_trusted", "names_document"]
