"""GraphiQL: the page that a browser gets at ``/graphql``, and what that page loads.

``package.json`` pins the npm packages. Installed (``npm ci`` here), they are served from this folder and
the page needs no network; otherwise the page loads the very same files from a CDN, held to the same hashes.
"""

from gateway.server.graphiql.files import assets, page

__all__ = ["assets", "page"]
