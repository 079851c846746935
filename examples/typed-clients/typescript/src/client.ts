// urql over HTTP for queries and mutations, over one websocket for subscriptions.

import { createClient as createSocket } from "graphql-ws";
import { Client, fetchExchange, subscriptionExchange } from "urql";

const TOKEN = "kube-graphql.token";
const headers = (): Record<string, string> => {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
};

export function signIn(token: string): void {
  sessionStorage.setItem(TOKEN, token);
  location.reload();
}

export function createClient(endpoint: URL): Client {
  const socket = createSocket({
    url: endpoint.href.replace("http", "ws"),
    connectionParams: headers,
    retryAttempts: Infinity,
    // 4403: the gateway refuses the token
    shouldRetry: (event) => !(event instanceof CloseEvent && event.code === 4403),
  });
  return new Client({
    url: endpoint.href,
    preferGetMethod: false,
    fetchOptions: () => ({ headers: headers() }),
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables: variables as Record<string, unknown> }, sink),
          }),
        }),
      }),
    ],
  });
}
