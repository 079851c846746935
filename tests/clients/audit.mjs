// Runs the audits of graphql-http ("GraphQL over HTTP" conformance) on the endpoint in argv[2] and prints
// one JSON array of {id, name, status, reason}.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2], fetchFn: fetch });
const plain = results.map(({ id, name, status, reason }) => ({ id, name, status, reason: reason ?? null }));
process.stdout.write(JSON.stringify(plain));
