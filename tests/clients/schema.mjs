// Reads SDL on stdin, builds and validates the schema with graphql-js, and prints {types, errors, sorted}: how
// many types, what is wrong, and whether graphql-js itself would print the very same text.
import { text } from "node:stream/consumers";
import { buildSchema, lexicographicSortSchema, printSchema, validateSchema } from "graphql";

const sdl = await text(process.stdin);
const schema = buildSchema(sdl);
const types = Object.keys(schema.getTypeMap()).length;
const errors = validateSchema(schema).map((each) => each.message);
const sorted = printSchema(lexicographicSortSchema(schema)).trim() === sdl.trim();
process.stdout.write(JSON.stringify({ types, errors, sorted }));
