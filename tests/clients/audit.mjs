// Runs the "GraphQL over HTTP" conformance audits of graphql-http on the endpoint argv[2]; prints a JSON array of
// {id, name, status, reason}.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2], fetchFn: fetch });
const plain = results.map(({ id, name, status, reason }) => ({ id, name, status, reason: reason ?? null }));
process.stdout.write(JSON.stringify(plain));
