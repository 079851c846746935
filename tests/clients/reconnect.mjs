// Subscribes and reconnects until stdin ends. Each client is configured as its documentation recommends. A new
// attempt resumes at the resource version of the last event (variable `$v`).
// argv: keys of `clients` as a JSON array, comma-separated http URLs (tried in turn, by clients that support that),
// query, variables as JSON, and optionally the lifetime of tokens in seconds: each attempt then has a fresh token.
// Prints one JSON object per line, with the key of its client: {client, stream: $v} per connection, {client, event},
// and the outcomes that a user would see: {client, error}, {client, complete}.
import { Client, fetchExchange, makeOperation, mapExchange, subscriptionExchange } from "@urql/core";
import { retryExchange } from "@urql/exchange-retry";
import { createClient as createEventsClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import { SubscriptionClient } from "subscriptions-transport-ws";
import WebSocket from "ws";

// Apollo reads the constants of the global WebSocket
globalThis.WebSocket ??= WebSocket;

const [keys, list, query, json, lifetime] = process.argv.slice(2);
const names = JSON.parse(keys);
// the import takes 0.6 s of processor time, four times as long as all others
const isApollo = names.some((name) => name.startsWith("Apollo"));
const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = isApollo ? await import("@apollo/client") : {};
const { GraphQLWsLink } = isApollo ? await import("@apollo/client/link/subscriptions") : {};
const { RetryLink } = isApollo ? await import("@apollo/client/link/retry") : {};
const urls = list.split(",");
const [url] = urls;
const asSocket = (address) => address.replace(/^http/, "ws");
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
// docs/subscriptions.md: after these codes the same subscription may succeed
const passingCodes = ["UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS", "SUBSCRIBER_TOO_SLOW"];
const passes = (errors) => errors?.length > 0 && errors.every((error) => passingCodes.includes(error.extensions?.code));
// stands for a request to an issuer, or for a token that a library keeps fresh; unsigned
const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const freshToken = () => `${base64({ alg: "none" })}.${base64({ exp: Date.now() / 1000 + Number(lifetime) })}.none`;
const credentials = () => (lifetime ? { Authorization: `Bearer ${freshToken()}` } : {});

// errors without `errors` are those of the connection
const apolloRetry = () =>
  new RetryLink({
    delay: { initial: 50, max: 200 },
    attempts: { max: Infinity, retryIf: ({ errors }) => errors === undefined || passes(errors) },
  });

function start(name) {
  let attempts = 0;
  const nextUrl = () => urls[attempts++ % urls.length];
  // shared by all attempts: most clients serialise it for each attempt
  const variables = JSON.parse(json);
  const print = (line) => process.stdout.write(JSON.stringify({ client: name, ...line }) + "\n");
  const begin = () => print({ stream: variables.v ?? null });
  const sink = {
    next({ data, errors, error }) {
      if (errors ?? error) return sink.error(errors?.[0] ?? error);
      const [event] = Object.values(data);
      print({ event });
      variables.v = event.resourceVersion;
    },
    error: (error) => print({ error: error.message ?? error.reason ?? String(error) }),
    complete: () => print({ complete: true }),
  };

  function socketClient() {
    return createSocketClient({
      url: () => asSocket(nextUrl()),
      webSocketImpl: WebSocket,
      keepAlive: 10_000,
      retryAttempts: Infinity,
      retryWait: pause,
      connectionParams: async () => credentials(),
      // also after a refused connection, which has no close event
      shouldRetry: () => true,
      on: { connected: begin },
    });
  }

  function eventsClient(singleConnection) {
    return createEventsClient({
      url: nextUrl,
      singleConnection,
      retryAttempts: Infinity,
      retry: pause,
      headers: async () => credentials(),
      on: { connected: begin },
    });
  }

  function apollo(...links) {
    const client = new ApolloClient({ link: ApolloLink.from(links), cache: new InMemoryCache() });
    client.subscribe({ query: gql(query), variables, fetchPolicy: "no-cache" }).subscribe(sink);
  }

  const urqlRetry = () =>
    retryExchange({
      initialDelayMs: 50,
      maxDelayMs: 200,
      maxNumberAttempts: Infinity,
      retryIf: ({ networkError, graphQLErrors }) => networkError || passes(graphQLErrors),
      retryWith: (_, operation) => makeOperation(operation.kind, { ...operation, variables: { ...variables } }),
    });

  function urql(...exchanges) {
    const fetchOptions = () => ({ headers: credentials() });
    const client = new Client({ url, preferGetMethod: false, fetchSubscriptions: true, fetchOptions, exchanges });
    client.subscription(query, variables).subscribe((result) => {
      // the last result has hasNext: false, and may repeat the data of the previous one
      if (result.error || result.hasNext) sink.next(result);
      else sink.complete();
    });
  }

  const clients = {
    "graphql-ws"() {
      const client = socketClient();
      const subscribe = () =>
        client.subscribe(
          { query, variables },
          { ...sink, error: (errors) => (passes(errors) ? setTimeout(subscribe, 100) : sink.error(errors[0] ?? errors)) },
        );
      subscribe();
    },
    "subscriptions-transport-ws"() {
      const options = { reconnect: true, connectionParams: async () => credentials() };
      const client = new SubscriptionClient(asSocket(url), options, WebSocket);
      client.onConnected(begin);
      client.onReconnected(begin);
      const again = () => {
        begin();
        return subscribe();
      };
      const subscribe = () =>
        client
          .request({ query, variables })
          .subscribe({ ...sink, error: (error) => (passes([error]) ? setTimeout(again, 100) : sink.error(error)) });
      subscribe();
    },
    "graphql-sse, distinct connections"() {
      // the client subscribes again by itself
      const next = (result) => passes(result.errors) || sink.next(result);
      eventsClient(false).subscribe({ query, variables }, { ...sink, next });
    },
    "graphql-sse, single connection"() {
      const client = eventsClient(true);
      const subscribe = () => {
        let passed = false;
        const next = (result) => (passed = passes(result.errors)) || sink.next(result);
        const complete = () => (passed ? setTimeout(subscribe, 100) : sink.complete());
        client.subscribe({ query, variables }, { ...sink, next, complete });
      };
      subscribe();
    },
    "Apollo, multipart"() {
      const retry = apolloRetry();
      const resume = new ApolloLink((operation, forward) => {
        begin();
        operation.variables = { ...variables };
        operation.setContext({ headers: credentials() });
        return forward(operation);
      });
      apollo(retry, resume, new HttpLink({ uri: nextUrl }));
    },
    "Apollo, graphql-ws"() {
      const resume = new ApolloLink((operation, forward) => {
        operation.variables = variables;
        return forward(operation);
      });
      apollo(apolloRetry(), resume, new GraphQLWsLink(socketClient()));
    },
    "urql, server-sent events"() {
      const announce = mapExchange({ onOperation: ({ kind }) => void (kind === "subscription" && begin()) });
      urql(urqlRetry(), announce, fetchExchange);
    },
    "urql, graphql-ws"() {
      const client = socketClient();
      const forwardSubscription = (request) => ({
        subscribe: (observer) => ({ unsubscribe: client.subscribe({ ...request, variables }, observer) }),
      });
      urql(urqlRetry(), subscriptionExchange({ forwardSubscription }));
    },
  };

  clients[name]();
}

names.forEach(start);
process.stdin.on("end", () => process.exit()).resume();
