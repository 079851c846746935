import type { CodegenConfig } from "@graphql-codegen/cli";

// schema.graphql is the output of `kube-graphql schema`
const config: CodegenConfig = {
  schema: "schema.graphql",
  documents: ["src/**/*.{ts,tsx}", "!src/generated/**"],
  generates: {
    "src/generated/": {
      preset: "client",
      config: {
        onlyOperationTypes: true,
        useTypeImports: true,
        scalars: { DateTime: "string", Int64: "number", Quantity: "string", StringMap: "Record<string, string>" },
        defaultScalarType: "unknown",
      },
      presetConfig: { fragmentMasking: false },
    },
  },
};

export default config;
