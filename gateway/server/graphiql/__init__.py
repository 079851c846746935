"""GraphiQL: the page for browsers at ``/graphql``, and its assets.

``package.json`` pins the npm packages. If they are installed (``npm ci`` in this folder), the gateway serves
them and the page needs no network. Otherwise the page loads the same files from a CDN, checked by hash.
"""

from gateway.server.graphiql.files import assets, page

__all__ = ["assets", "page"]
