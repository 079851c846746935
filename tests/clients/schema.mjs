// Reads SDL from stdin, builds and validates the schema with graphql-js, and prints {types, errors, sorted}: the
// number of types, the validation errors, and whether graphql-js prints the identical text.
import { text } from "node:stream/consumers";
import { buildSchema, lexicographicSortSchema, printSchema, validateSchema } from "graphql";

const sdl = await text(process.stdin);
const schema = buildSchema(sdl);
const types = Object.keys(schema.getTypeMap()).length;
const errors = validateSchema(schema).map((error) => error.message);
const sorted = printSchema(lexicographicSortSchema(schema)).trim() === sdl.trim();
process.stdout.write(JSON.stringify({ types, errors, sorted }));
