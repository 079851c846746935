"""The tests; they mirror the packages, and ``contract`` runs one suite against the demo and a real API server."""
