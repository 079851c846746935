// Runs one subscription with Apollo Client: multipart over HTTP, or GraphQLWsLink over graphql-ws.
// argv: "http" or "ws", URL, query, headers (or connectionParams) as JSON. Prints the data of each result on a
// line, then "complete".
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

// Apollo reads the constants of the global WebSocket
globalThis.WebSocket ??= WebSocket;

const [transport, url, query, params] = process.argv.slice(2);
const credentials = JSON.parse(params ?? "{}");
const socket =
  transport === "ws" &&
  createClient({ url, webSocketImpl: WebSocket, connectionParams: credentials, retryAttempts: 0 });
const link = socket ? new GraphQLWsLink(socket) : new HttpLink({ uri: url, headers: credentials });
const client = new ApolloClient({ link, cache: new InMemoryCache() });

function fail(error) {
  console.log(JSON.stringify({ status: error.statusCode, message: error.message }));
  process.exitCode = 1;
  if (socket) socket.dispose();
}

client.subscribe({ query: gql(query), fetchPolicy: "no-cache" }).subscribe({
  next: ({ data, error }) => (error ? fail(error) : console.log(JSON.stringify(data))),
  error: fail,
  complete: () => {
    if (!process.exitCode) console.log("complete");
    if (socket) socket.dispose();
  },
});
