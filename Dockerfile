# syntax=docker/dockerfile:1
# The gateway as an image, without compiler, Node and pip at run time, and not as root.
#   docker build -t kube-graphql .

# GraphiQL's scripts and styles at the versions of package-lock.json: the page then needs no CDN.
FROM node:22-slim AS graphiql
WORKDIR /graphiql
COPY gateway/server/graphiql/package.json gateway/server/graphiql/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

# The grid of the spreadsheet example and the layout library of the topology example, likewise.
FROM node:22-slim AS spreadsheet
WORKDIR /spreadsheet
COPY examples/spreadsheet/package.json examples/spreadsheet/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:22-slim AS topology
WORKDIR /topology
COPY examples/topology/package.json examples/topology/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv --without-pip /opt/kube-graphql && python -m venv /opt/build
COPY requirements.lock requirements-build.lock ./
RUN pip --python /opt/kube-graphql/bin/python install --require-hashes -r requirements.lock \
 && /opt/build/bin/pip install --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY schema ./schema
COPY gateway ./gateway
COPY examples ./examples
COPY --from=graphiql /graphiql/node_modules ./gateway/server/graphiql/node_modules
COPY --from=spreadsheet /spreadsheet/node_modules ./examples/spreadsheet/node_modules
COPY --from=topology /topology/node_modules ./examples/topology/node_modules
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/kube-graphql/bin/python install --no-deps /wheels/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 65532 --no-create-home --shell /usr/sbin/nologin kube-graphql
COPY --from=build /opt/kube-graphql /opt/kube-graphql
ENV PATH=/opt/kube-graphql/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["kube-graphql"]
# In a cluster the gateway finds the API server by the pod's service account. Not bound to loopback, it defaults to
# the identity mode passthrough: every caller sends its own token.
CMD ["serve", "--host", "0.0.0.0"]
