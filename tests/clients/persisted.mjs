// Runs one operation twice with automatic persisted queries, each time with a new client.
// argv: a key of `clients`, URL, query, variables as JSON, "POST" or "GET" for digests. Prints one JSON array:
// {requests: [{method, sends: "digest" | "text" | "both"}], data, error} per run.
import { createHash } from "node:crypto";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

// Apollo reads the constants of the global WebSocket
globalThis.WebSocket ??= WebSocket;

const [name, url, query, json, method] = process.argv.slice(2);
// the import takes 0.6 s of processor time, four times as long as all others
const isApollo = name.startsWith("Apollo");
const { ApolloClient, HttpLink, InMemoryCache, gql } = isApollo ? await import("@apollo/client") : {};
const { PersistedQueryLink } = isApollo ? await import("@apollo/client/link/persisted-queries") : {};
const { GraphQLWsLink } = isApollo ? await import("@apollo/client/link/subscriptions") : {};
const variables = JSON.parse(json);
const useGET = method === "GET";
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
let requests;

function record(method, { query, extensions }) {
  const sends = query && extensions?.persistedQuery ? "both" : query ? "text" : "digest";
  requests.push({ method, sends });
}

function recordingFetch(address, options) {
  const parameters = new URL(address).searchParams;
  const inAddress = { query: parameters.get("query"), extensions: JSON.parse(parameters.get("extensions")) };
  record(options.method, options.body ? JSON.parse(options.body) : inAddress);
  return fetch(address, options);
}

function socketClient() {
  class Recorded extends WebSocket {
    send(text, ...rest) {
      const { type, payload } = JSON.parse(text);
      if (type === "subscribe") record("websocket", payload);
      super.send(text, ...rest);
    }
  }
  return createClient({ url: url.replace(/^http/, "ws"), webSocketImpl: Recorded, retryAttempts: 0 });
}

async function apollo(link) {
  const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries: useGET });
  const client = new ApolloClient({ link: persisted.concat(link), cache: new InMemoryCache() });
  const document = gql(query);
  const { operation } = document.definitions[0];
  if (operation === "mutation") return client.mutate({ mutation: document, variables });
  if (operation === "query") return client.query({ query: document, variables });
  return new Promise((resolve) => client.subscribe({ query: document, variables }).subscribe(resolve));
}

async function urql(...exchanges) {
  const persisted = persistedExchange({
    preferGetForPersistedQueries: useGET && "force",
    enableForMutation: true,
    enableForSubscriptions: true,
  });
  const client = new Client({ url, preferGetMethod: false, fetch: recordingFetch, exchanges: [persisted, ...exchanges] });
  if (query.startsWith("mutation")) return client.mutation(query, variables).toPromise();
  if (query.startsWith("subscription")) {
    return new Promise((resolve) => client.subscription(query, variables).subscribe(resolve));
  }
  return client.query(query, variables).toPromise();
}

const clients = {
  "Apollo, HTTP": () => apollo(new HttpLink({ uri: url, fetch: recordingFetch })),
  "Apollo, graphql-ws": () => apollo(new GraphQLWsLink(socketClient())),
  "urql, HTTP": () => urql(fetchExchange),
  "urql, graphql-ws"() {
    const socket = socketClient();
    // graphql-ws requires a string, as urql's documentation says
    const forwardSubscription = (request) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink) }),
    });
    return urql(subscriptionExchange({ forwardSubscription, enableAllOperations: true }));
  },
};

const runs = [];
for (let run = 0; run < 2; run++) {
  requests = [];
  const { data, error } = await clients[name]().catch((error) => ({ error }));
  runs.push({ requests, data: data ?? null, error: error ? error.message : null });
}
process.stdout.write(JSON.stringify(runs), () => process.exit());
