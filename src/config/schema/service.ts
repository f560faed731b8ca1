/** `service`: what runs, and its own telemetry. */
import { anything, type Infer, list, section } from "../fields.ts";
import { autoOr, choice, duration, endpoint, integer, size, text } from "../values.ts";
import { cluster } from "./resolver.ts";

const logs = section(
  {
    level: choice(["debug", "info", "warn", "error"], {
      default: "info",
      anyCase: true,
      about: "The least that is logged.",
    }),
    encoding: choice(["json", "console"], {
      optional: true,
      about: "Default: `console` on a terminal, else `json`.",
    }),
    development: anything({ ignored: "there is no such mode", about: "Accepted, not used." }),
    disable_caller: anything({ ignored: "callers are not logged", about: "Accepted, not used." }),
    disable_stacktrace: anything({
      ignored: "only faults of the program log one",
      about: "Accepted, not used.",
    }),
    sampling: anything({
      ignored: "repeated lines are bounded where they arise",
      about: "Accepted, not used.",
    }),
    output_paths: anything({ ignored: "logs go to standard error", about: "Accepted, not used." }),
    error_output_paths: anything({ ignored: "logs go to standard error", about: "Accepted, not used." }),
    initial_fields: anything({ ignored: "not available in this version", about: "Accepted, not used." }),
    processors: anything({ ignored: "logs are not exported", about: "Accepted, not used." }),
  },
  { filled: true, about: "The gateway's own logs." },
);

const prometheusReader = section(
  {
    host: text({ default: "localhost", lengthMax: 253, about: "The address to listen on." }),
    port: integer({
      default: 8888,
      min: 0,
      max: 65_535,
      about: "The port; 0 leaves the choice to the system.",
    }),
    without_scope_info: anything({ about: "Accepted: there is none." }),
    without_type_suffix: anything({ about: "Accepted: names are those of docs/metrics.md." }),
    without_units: anything({ about: "Accepted: names are those of docs/metrics.md." }),
    with_resource_constant_labels: anything({ about: "Accepted, not used." }),
    translation_strategy: anything({ about: "Accepted: names are those of docs/metrics.md." }),
  },
  { filled: true, about: "Served for Prometheus, at `/metrics`." },
);

const metrics = section(
  {
    level: choice(["none", "basic", "normal", "detailed"], {
      default: "normal",
      anyCase: true,
      about: "`none` serves no metrics.",
    }),
    readers: list(
      section(
        {
          pull: section(
            {
              exporter: section(
                { prometheus: prometheusReader },
                { filled: true, about: "How they are served." },
              ),
            },
            { optional: true, about: "Metrics that somebody comes for." },
          ),
          periodic: anything({
            ignored: "metrics are served for Prometheus only",
            about: "Accepted, not used.",
          }),
        },
        { about: "A reader." },
      ),
      { optional: true, max: 8, about: "At most one `pull` reader. Default: Prometheus on localhost:8888." },
    ),
    address: endpoint({
      optional: true,
      about: "The older way to say where Prometheus is served. `readers` wins.",
    }),
    views: anything({ ignored: "not available in this version", about: "Accepted, not used." }),
  },
  { filled: true, about: "The gateway's own metrics." },
);

/** Everything of `service` but its pipelines. */
export const service = section(
  {
    extensions: list(text({ about: "An extension's name." }), {
      max: 100,
      about: "The extensions to start. One that is defined but not named here does nothing.",
    }),
    pipelines: anything({ about: "See below." }),
    telemetry: section(
      {
        logs,
        metrics,
        traces: anything({ ignored: "the gateway does not trace itself", about: "Accepted, not used." }),
        resource: anything({ ignored: "not available in this version", about: "Accepted, not used." }),
      },
      { filled: true, about: "What the gateway says of itself." },
    ),
    workers: autoOr({
      default: "auto",
      min: 1,
      max: 256,
      ours: true,
      about: "Worker processes; `auto` is one a core. This version runs one.",
    }),
    cluster,
    memory: section(
      {
        in_flight: size({
          optional: true,
          min: "1MiB",
          max: "1TiB",
          about:
            "Bytes of requests that may be in flight together; beyond, clients are asked to wait. Default: a quarter of the memory that the process may use.",
        }),
      },
      { filled: true, ours: true, about: "Bounds." },
    ),
    shutdown: section(
      {
        delay: duration({
          default: "5s",
          max: "1h",
          about: "After SIGTERM: how long requests are still taken while health says no.",
        }),
        drain_timeout: duration({
          default: "20s",
          max: "1h",
          about:
            "Then: how long what was taken may take to be delivered. Both together fit into the 30s that Kubernetes allows unless told otherwise.",
        }),
      },
      { filled: true, ours: true, about: "How the gateway stops." },
    ),
  },
  { filled: true, about: "What runs." },
);

const componentName = text({ lengthMax: 1100, about: "The name of a component defined above." });

export const pipeline = section(
  {
    receivers: list(componentName, { min: 1, max: 100, about: "Where requests come from." }),
    processors: list(componentName, {
      max: 100,
      about: "Only `memory_limiter` and `batch`, which have no effect here.",
    }),
    exporters: list(componentName, {
      min: 1,
      max: 100,
      about: "Where they go. With several, each gets everything.",
    }),
  },
  { about: "The way of one signal." },
);

export type ServiceSection = Infer<typeof service>;
export type PipelineSection = Infer<typeof pipeline>;
