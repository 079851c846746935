// Runs one subscription with graphql-ws, the reference client of graphql-transport-ws.
// argv: websocket URL, query, connectionParams as JSON. Prints one result per line, then "complete".
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, query, connectionParams] = process.argv.slice(2);
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: JSON.parse(connectionParams ?? "{}"),
  retryAttempts: 0,
});
try {
  for await (const result of client.iterate({ query })) console.log(JSON.stringify(result));
  console.log("complete");
} catch (error) {
  // a close event, or the errors of an operation that did not start
  const { code, reason, message } = Array.isArray(error) ? error[0] : error;
  console.log(JSON.stringify({ code, reason, message }));
  process.exitCode = 1;
} finally {
  await client.dispose();
}
