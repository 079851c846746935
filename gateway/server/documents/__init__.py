"""Trusted documents and automatic persisted queries: from a request's parameters to its document's text.

The same for every transport. No I/O beyond reading the files of trusted documents at start-up.
"""

from gateway.server.documents.requested import Documents, names_document
from gateway.server.documents.trusted import TrustedDocuments, load_trusted

__all__ = ["Documents", "TrustedDocuments", "load_trusted", "names_document"]
