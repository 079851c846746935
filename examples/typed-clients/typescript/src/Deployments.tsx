// A live table of deployments; the buttons scale them. Every field below is checked against the schema.

import { useCallback } from "react";
import { useMutation, useSubscription } from "urql";

import { graphql } from "./generated";
import type { WatchDeploymentsSubscription } from "./generated/graphql";

const WATCH = graphql(`
  subscription WatchDeployments {
    deployments {
      type
      object {
        metadata { uid name namespace }
        spec { replicas }
        status { readyReplicas }
      }
    }
  }
`);

const SCALE = graphql(`
  mutation Scale($namespace: String!, $name: String!, $replicas: Int!) {
    scaleDeployment(namespace: $namespace, name: $name, replicas: $replicas) { spec { replicas } }
  }
`);

type Deployment = NonNullable<WatchDeploymentsSubscription["deployments"]["object"]>;
type Known = { objects: Map<string, Deployment>; synced: boolean };

// A stream sends the whole set, SYNCED, then changes. After a reconnect the set comes afresh.
function fold(known: Known | undefined, { deployments }: WatchDeploymentsSubscription): Known {
  const { type, object } = deployments;
  const objects = new Map(known?.objects);
  const uid = object?.metadata?.uid;
  if (object && uid) {
    if (type === "DELETED") objects.delete(uid);
    else objects.set(uid, object);
  }
  return { objects, synced: type === "SYNCED" || (known?.synced ?? false) };
}

const nameOf = ({ metadata }: Deployment) => `${metadata?.namespace}/${metadata?.name}`;

export function Deployments({ onDenied }: { onDenied: () => void }) {
  const [{ data, error }] = useSubscription({ query: WATCH }, fold);
  const [, scale] = useMutation(SCALE);
  const resize = useCallback(
    ({ metadata, spec }: Deployment, by: number) =>
      scale({
        namespace: metadata?.namespace ?? "",
        name: metadata?.name ?? "",
        replicas: Math.max(0, (spec?.replicas ?? 0) + by),
      }),
    [scale],
  );
  if (error) return <Failure message={error.message} onDenied={onDenied} />;
  if (!data?.synced) return <p role="status">Loading…</p>;
  const rows = [...data.objects.values()].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
  return (
    <table>
      <thead>
        <tr><th>Deployment</th><th>Ready</th><th>Desired</th><th>Scale</th></tr>
      </thead>
      <tbody>
        {rows.map((deployment) => (
          <tr key={deployment.metadata?.uid}>
            <td>{nameOf(deployment)}</td>
            <td>{deployment.status?.readyReplicas ?? 0}</td>
            <td>{deployment.spec?.replicas}</td>
            <td>
              <button type="button" aria-label={`One less ${nameOf(deployment)}`} onClick={() => resize(deployment, -1)}>−</button>
              <button type="button" aria-label={`One more ${nameOf(deployment)}`} onClick={() => resize(deployment, 1)}>+</button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Failure({ message, onDenied }: { message: string; onDenied: () => void }) {
  return (
    <p role="alert">
      {message} <button type="button" onClick={onDenied}>Use a token</button>
    </p>
  );
}
