"""The tests mirror the packages; ``contract`` runs one suite against the demo and a real API server."""
