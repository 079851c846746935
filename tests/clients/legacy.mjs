// Runs one operation with subscriptions-transport-ws, the reference client of the legacy graphql-ws protocol.
// argv: websocket URL, query, connectionParams as JSON. Prints one result per line, then "complete".
import { SubscriptionClient } from "subscriptions-transport-ws";
import WebSocket from "ws";

const [url, query, connectionParams] = process.argv.slice(2);
const options = { connectionParams: JSON.parse(connectionParams ?? "{}"), timeout: 60000, minTimeout: 60000 };
const client = new SubscriptionClient(url, options, WebSocket);
let failed = false;

function fail(error) {
  if (failed) return;
  failed = true;
  console.log(JSON.stringify({ message: error.message }));
  process.exitCode = 1;
  client.close();
}

client.onError(fail);
client.connectionCallback = (error) => error && fail(error);
client.request({ query }).subscribe({
  next: (result) => console.log(JSON.stringify(result)),
  error: fail,
  complete: () => {
    if (!failed) console.log("complete");
    client.close();
  },
});
