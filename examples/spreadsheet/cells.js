// The columns of a sheet, and how cells are read and written; kubesheet/cells.py has the same functions.

export const COLUMNS = ["Deployment", "Desired", "Actual", "Ready", "Image", "Note"];
export const EDITABLE = ["Desired", "Image"];
export const MARK = "⚠ "; // begins every note that the engine writes; other notes belong to the user

const MOST_REPLICAS = 2 ** 31 - 1;
const DIGITS = /^[0-9]{1,10}$/;
const REFERENCE = /^[A-Za-z0-9]([A-Za-z0-9._/:@-]*[A-Za-z0-9_])?$/;
const LONGEST_NOTE = 300;

// The content of a cell cannot become a patch; the message says what to enter.
export class Invalid extends Error {}

// A deployment from the object of a GraphQL event. `images` maps container names to images.
export function parseDeployment({ metadata, spec, status }) {
  const containers = spec.template.spec.containers ?? [];
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    key: `${metadata.namespace}/${metadata.name}`,
    uid: metadata.uid,
    version: BigInt(metadata.resourceVersion),
    desired: spec.replicas ?? 0,
    actual: status?.replicas ?? 0,
    ready: status?.readyReplicas ?? 0,
    images: new Map(containers.map(({ name, image }) => [name, image ?? ""])),
    condition: failure(status?.conditions ?? []),
  };
}

// The content of a column, except for Note.
export function cellOf(deployment, column) {
  if (column === "Deployment") return deployment.name;
  if (column === "Image") return imageText(deployment.images);
  return deployment[column.toLowerCase()];
}

// The image of the only container, or `name=image, name=image` for several.
function imageText(images) {
  if (images.size === 1) return [...images.values()][0];
  return [...images].map(([name, image]) => `${name}=${image}`).join(", ");
}

// The message of the condition that keeps a deployment from its size, such as an exceeded quota.
function failure(conditions) {
  for (const [type, status] of [["ReplicaFailure", "True"], ["Progressing", "False"]]) {
    const found = conditions.find((condition) => condition.type === type && condition.status === status);
    if (found) return shortened(found.message || found.reason || type);
  }
  return "";
}

export function shortened(text) {
  const words = text.trim().split(/\s+/).join(" ");
  const characters = [...words];
  return characters.length <= LONGEST_NOTE ? words : characters.slice(0, LONGEST_NOTE - 1).join("") + "…";
}

// The text of a cell for comparison: 5, "5" and " 5 " are equal.
export function textOf(cell) {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "boolean") return cell ? "TRUE" : "FALSE";
  return String(cell).trim();
}

// The replicas that an edit of Desired asks for.
export function parseReplicas(cell) {
  const text = textOf(cell);
  if (!text) throw new Invalid("Desired is empty: enter a whole number, 0 or more");
  if (!DIGITS.test(text)) throw new Invalid("Desired must be a whole number, 0 or more");
  if (Number(text) > MOST_REPLICAS) throw new Invalid(`Desired must be at most ${MOST_REPLICAS}`);
  return Number(text);
}

// The images that an edit of Image changes, by container.
export function changedImages(cell, images) {
  const text = textOf(cell);
  if (!text) throw new Invalid("Image is empty: enter an image");
  const wanted = images.size === 1 ? new Map([[[...images.keys()][0], text]]) : namedImages(text, images);
  const changed = [...wanted].filter(([name, image]) => image !== images.get(name));
  if (typeof cell !== "string" || !changed.every(([, image]) => REFERENCE.test(image))) {
    throw new Invalid("Image must be an image reference, such as nginx:1.29");
  }
  return changed;
}

function namedImages(text, images) {
  const parts = text.split(",").map((part) => {
    const [, name, image] = /^([^=]*)=?(.*)$/s.exec(part.trim());
    return [name.trim(), image.trim()];
  });
  const wanted = new Map(parts);
  const isComplete = parts.length === images.size && [...wanted.keys()].every((name) => images.has(name));
  if (!isComplete || wanted.size !== images.size) {
    const names = [...images.keys()].map((name) => `${name}=…`).join(", ");
    throw new Invalid(`Image must name every container: ${names}`);
  }
  return wanted;
}
