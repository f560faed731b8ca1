/** Which components a file may define, by the section they stand in: `type` or `type/name`. */
import type { Field, Infer } from "../fields.ts";
import { loadBalancingExporter } from "./exporters.ts";
import { basicAuth, bearerTokenAuth, fileStorage, healthCheck, zpages } from "./extensions.ts";
import { otlpReceiver } from "./receivers.ts";

export const receiverTypes = { otlp: otlpReceiver } as const;

export const exporterTypes = { load_balancing: loadBalancingExporter } as const;

export const extensionTypes = {
  health_check: healthCheck,
  zpages,
  file_storage: fileStorage,
  basicauth: basicAuth,
  bearertokenauth: bearerTokenAuth,
} as const;

/** Other names of the same things, in releases of the Collector; each is warned of once where it is used. */
export const oldNames: Readonly<Record<string, string>> = { loadbalancing: "load_balancing" };

/** Processors that may stand in a file, and what stands in their place here. */
export const replacedProcessors: Readonly<Record<string, string>> = {
  memory_limiter: "the budget of bytes in flight (service.memory.in_flight) stands in its place",
  batch: "shards that wait for a backend are joined, which stands in its place",
};

export type ExtensionType = keyof typeof extensionTypes;
export type ExtensionSection<T extends ExtensionType> = Infer<(typeof extensionTypes)[T]>;

/** The field that describes what stands at `section.name` (or, for service, at `service`); undefined: nothing does. */
export function fieldOfComponent(section: string, type: string): Field<unknown> | undefined {
  const types: Readonly<Record<string, Readonly<Record<string, Field<unknown>>>>> = {
    receivers: receiverTypes,
    exporters: exporterTypes,
    extensions: extensionTypes,
  };
  const ofSection = Object.hasOwn(types, section) ? types[section]! : {};
  return Object.hasOwn(ofSection, type) ? ofSection[type] : undefined;
}
