/** OTLP attributes from plain values. */
import type { AnyValue, KeyValue } from "../otlp-messages.ts";

export type AttributeValue = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Whole numbers become integers, other numbers doubles, as instrumentations mean them. */
export function toKeyValues(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: toAnyValue(value) }));
}

export function toAnyValue(value: AttributeValue): AnyValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value !== "number") return { arrayValue: { values: value.map(toAnyValue) } };
  return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
}
