// The three operations of the example; kubesheet/cluster.py has the same.

export const DEPLOYMENTS = `
  subscription Deployments($namespace: String, $resourceVersion: String) {
    deployments(namespace: $namespace, resourceVersion: $resourceVersion) {
      type
      resourceVersion
      object {
        metadata { namespace name uid resourceVersion }
        spec { replicas template { spec { containers { name image } } } }
        status { replicas readyReplicas conditions { type status reason message } }
      }
    }
  }
`;

const SCALE = `
  mutation Scale($namespace: String!, $name: String!, $replicas: Int!) {
    scaleDeployment(namespace: $namespace, name: $name, replicas: $replicas) { metadata { resourceVersion } }
  }
`;

const SET_IMAGES = `
  mutation SetImages($namespace: String!, $name: String!, $uid: String!, $patch: DeploymentInput!) {
    patchDeployment(namespace: $namespace, name: $name, uid: $uid, patch: $patch) { metadata { resourceVersion } }
  }
`;

// The mutation and the variables of a patch of the engine.
export function mutationOf({ namespace, name, uid, replicas, images }) {
  if (replicas !== null) return [SCALE, { namespace, name, replicas }];
  const containers = Object.entries(images).map(([container, image]) => ({ name: container, image }));
  const patch = { spec: { template: { spec: { containers } } } };
  return [SET_IMAGES, { namespace, name, uid, patch }];
}

// The resourceVersion of the deployment after that mutation.
export function versionOf(data) {
  return (data.scaleDeployment ?? data.patchDeployment).metadata.resourceVersion;
}
