/** docs/otlp-ring.schema.json, from the schema that files are checked by. */
import { type Field, type FieldFacts, factsOf, isRequired } from "./fields.ts";
import {
  exporterTypes,
  extensionTypes,
  oldNames,
  receiverTypes,
  replacedProcessors,
} from "./schema/components.ts";
import { pipeline, service } from "./schema/service.ts";

type JsonObject = Record<string, unknown>;
type Types = Readonly<Record<string, Field<unknown>>>;

/** A reference to the environment may stand for any value. */
const reference = { type: "string", pattern: "^\\$\\{[^}]+\\}" };
const referenceUse = { $ref: "#/$defs/reference" };

/** The JSON Schema (draft 2020-12) of a configuration file, for editors and charts. */
export function configurationJsonSchema(): string {
  const serviceSchema = jsonSchemaOf(factsOf(service));
  const pipelines = {
    type: "object",
    description: "The way of each signal.",
    minProperties: 1,
    patternProperties: { [instancesOf("(traces|metrics|logs)")]: jsonSchemaOf(factsOf(pipeline)) },
    additionalProperties: false,
  };
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "otlp-ring configuration",
    type: "object",
    properties: {
      receivers: componentsOf(receiverTypes, false),
      processors: {
        type: ["object", "null"],
        patternProperties: { [instancesOf(`(${Object.keys(replacedProcessors).join("|")})`)]: {} },
        additionalProperties: false,
      },
      exporters: componentsOf(exporterTypes, false),
      extensions: componentsOf(extensionTypes, true),
      service: { ...serviceSchema, properties: { ...(serviceSchema["properties"] as object), pipelines } },
    },
    required: ["receivers", "exporters", "service"],
    additionalProperties: false,
    $defs: { reference },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** `type` and `type/name`, under the old names as well. */
function componentsOf(types: Types, mayHaveOthers: boolean): JsonObject {
  const patterns = Object.entries(types).map(([type, field]) => {
    const spellings = [type, ...Object.keys(oldNames).filter((old) => oldNames[old] === type)];
    const spelling = spellings.length === 1 ? type : `(${spellings.join("|")})`;
    return [instancesOf(spelling), jsonSchemaOf(factsOf(field))];
  });
  return {
    type: ["object", "null"],
    patternProperties: Object.fromEntries(patterns),
    additionalProperties: mayHaveOthers,
  };
}

const instancesOf = (type: string): string => `^${type}(/.+)?$`;

function jsonSchemaOf(facts: FieldFacts): JsonObject {
  const common = { description: facts.about };
  switch (facts.kind) {
    case "value": {
      const given = facts.default === undefined ? {} : { default: facts.default };
      const isAnyText = facts.json["type"] === "string" && facts.json["pattern"] === undefined;
      const accepted = isAnyText ? facts.json : { anyOf: [facts.json, referenceUse] };
      return { ...common, ...given, ...accepted };
    }
    case "section": {
      const entries = Object.entries(facts.shape).map(([key, field]) => [key, factsOf(field)] as const);
      const required = entries.filter(([, child]) => isRequired(child)).map(([key]) => key);
      return {
        ...common,
        type: required.length === 0 ? ["object", "null"] : "object",
        properties: Object.fromEntries(entries.map(([key, child]) => [key, jsonSchemaOf(child)])),
        ...(required.length > 0 && { required }),
        additionalProperties: false,
      };
    }
    case "list":
      return {
        ...common,
        anyOf: [
          { type: "array", items: jsonSchemaOf(factsOf(facts.element)) },
          referenceUse,
          { type: "null" },
        ],
      };
    case "map":
      return {
        ...common,
        type: ["object", "null"],
        additionalProperties: jsonSchemaOf(factsOf(facts.element)),
      };
    case "anything":
      return common;
  }
}
