/**
 * OTLP/JSON text of messages that protobufjs has decoded: written by its reflection, and by nothing of
 * the gateway's own. Whatever a sender may choose is chosen at random: the order of fields, numbers as
 * strings, case, escapes, white space, nulls, fields that nobody knows.
 */
import protobuf from "protobufjs";
import { Random } from "../../src/tools/random.ts";

const idBytes: Readonly<Record<string, number>> = { traceId: 16, spanId: 8, parentSpanId: 8 };

/** `message` with every id of the length that an id has, or empty, since OTLP/JSON knows no others. */
export function withValidIds(type: protobuf.Type, message: object): object {
  const fields = message as Record<string, unknown>;
  for (const field of type.fieldsArray.filter(({ name }) => Object.hasOwn(fields, name))) {
    const length = idBytes[field.name];
    const value = fields[field.name];
    if (length !== undefined && field.type === "bytes") {
      const bytes = Buffer.from(value as Uint8Array);
      fields[field.name] =
        bytes.length === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(length)]).subarray(0, length);
    } else if (field.resolvedType instanceof protobuf.Type) {
      for (const child of field.repeated ? (value as object[]) : [value as object])
        withValidIds(field.resolvedType, child);
    }
  }
  return message;
}

export function writeOtlpJson(type: protobuf.Type, message: object, seed: number): string {
  return new Writer(new Random(seed)).message(type, message as Record<string, unknown>);
}

const unknownMembers = [
  '"unknown":{"a":[1,-2.5e-3,{"b":"}]\\""}],"__proto__":{"x":1}}',
  '"constructor":null',
  '"resource_spans":[{}]',
  '"":[[],{},true,false,null,""]',
  '"trace_id":"no id"',
];

function textOf(value: unknown): string {
  return (value as { toString(): string }).toString();
}

class Writer {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  message(type: protobuf.Type, message: Record<string, unknown>): string {
    const present = type.fieldsArray.filter(({ name }) => Object.hasOwn(message, name));
    const members = present.map((field) => {
      const name = this.#chance(0.02)
        ? `\\u00${field.name.charCodeAt(0).toString(16)}${field.name.slice(1)}`
        : field.name;
      return `"${name}"${this.#space()}:${this.#space()}${this.#field(field, message[field.name])}`;
    });
    for (const field of type.fieldsArray) {
      if (!present.includes(field) && this.#chance(0.03)) members.push(`"${field.name}":null`);
    }
    if (this.#chance(0.05)) members.push(this.#random.pick(unknownMembers));
    members.sort(() => (this.#chance(0.1) ? 1 : -1));
    return `{${this.#space()}${members.join(`${this.#space()},${this.#space()}`)}}${this.#space()}`;
  }

  #field(field: protobuf.Field, value: unknown): string {
    if (!field.repeated) return this.#value(field, value);
    return `[${(value as unknown[]).map((element) => `${this.#space()}${this.#value(field, element)}`).join(",")}]`;
  }

  #value(field: protobuf.Field, value: unknown): string {
    if (field.resolvedType instanceof protobuf.Type) {
      return this.message(field.resolvedType, value as Record<string, unknown>);
    }
    if (field.resolvedType instanceof protobuf.Enum) return String(value);
    switch (field.type) {
      case "string":
        return this.#text(value as string);
      case "bytes":
        return this.#bytes(field, Buffer.from(value as Uint8Array));
      case "bool":
        return String(value);
      case "double":
        return this.#double(value as number);
      default:
        // Numbers of 64 bits are Longs, whose text is exact.
        return this.#chance(0.5) ? `"${textOf(value)}"` : textOf(value);
    }
  }

  #double(value: number): string {
    if (!Number.isFinite(value)) return `"${value}"`;
    const text = Object.is(value, -0) ? "-0" : String(value);
    return this.#chance(0.1) ? `"${text}"` : text;
  }

  #bytes(field: protobuf.Field, bytes: Buffer): string {
    if (Object.hasOwn(idBytes, field.name)) {
      const hex = bytes.toString("hex");
      return `"${this.#chance(0.3) ? hex.toUpperCase() : hex}"`;
    }
    const text = bytes.toString(this.#chance(0.5) ? "base64" : "base64url");
    return `"${this.#chance(0.3) ? text.replaceAll("/", "\\/") : text}"`;
  }

  #text(text: string): string {
    if (!this.#chance(0.2)) return JSON.stringify(text);
    const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
    return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}"`;
  }

  #space(): string {
    return this.#chance(0.05) ? " \r\n\t" : "";
  }

  #chance(share: number): boolean {
    return this.#random.chance(share);
  }
}
