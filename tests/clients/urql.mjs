// Runs one subscription with urql: server-sent events over its fetch exchange, or graphql-ws.
// argv: "http" or "ws", URL, query, headers (or connectionParams) as JSON. Prints the data of each result on a
// line, then "complete".
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [transport, url, query, params] = process.argv.slice(2);
const credentials = JSON.parse(params ?? "{}");
const socket =
  transport === "ws" &&
  createClient({ url, webSocketImpl: WebSocket, connectionParams: credentials, retryAttempts: 0 });

function forwardSubscription(request) {
  return { subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }) };
}

const client = new Client({
  url: url.replace(/^ws/, "http"),
  preferGetMethod: false,
  fetchOptions: { headers: credentials },
  fetchSubscriptions: !socket,
  exchanges: socket ? [subscriptionExchange({ forwardSubscription })] : [fetchExchange],
});

let last;
client.subscription(query, {}).subscribe(({ data, error, hasNext }) => {
  if (error) {
    console.log(JSON.stringify({ status: error.response?.status, message: error.message }));
    process.exitCode = 1;
  } else if (data && data !== last) {
    console.log(JSON.stringify((last = data)));
  }
  // the last result, with hasNext: false, may repeat the data of the previous one
  if (!hasNext) {
    if (!error) console.log("complete");
    if (socket) socket.dispose();
  }
});
