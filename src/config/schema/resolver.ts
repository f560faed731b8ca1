/** `resolver`: where backends are; and `cluster`, where replicas are, which are found alike. */
import { anything, type Infer, list, section } from "../fields.ts";
import { choice, duration, endpoint, flag, port, target, text } from "../values.ts";

const dnsName = {
  pattern: /^(?=.{1,253}$)[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9_])?)*\.?$/,
  expected: 'a host name such as "tier2-headless.obs"',
} as const;

export const resolver = section(
  {
    static: section(
      {
        hostnames: list(target({ about: "A backend: `host:port`, or `host` for the protocol's port." }), {
          min: 1,
          max: 10_000,
          about: "The backends, on port 4317, or 4318 with `protocol.otlp_http`, unless they name another.",
        }),
      },
      { optional: true, about: "A fixed list." },
    ),
    dns: section(
      {
        hostname: text({ ...dnsName, about: "The name whose addresses are the backends." }),
        port: port({
          optional: true,
          about:
            "The port of every backend. Default 4317, or 4318 with `protocol.otlp_http`; with `record: SRV`, the record says it.",
        }),
        interval: duration({ default: "5s", min: "100ms", about: "How often the name is asked for." }),
        timeout: duration({ default: "1s", min: "10ms", max: "1m", about: "How long one answer may take." }),
        record: choice(["A", "AAAA", "SRV"], {
          optional: true,
          ours: true,
          about:
            "Which records are asked for. Default: A and AAAA. SRV gives a StatefulSet's pods by name, so that a pod that comes back with another address moves no keys.",
        }),
        keep_last_good: flag({
          default: true,
          ours: true,
          about:
            "Keeps the last list when an answer is empty or fails, so that the ring never empties. Always so in this version.",
        }),
      },
      { optional: true, about: "Asks DNS again and again." },
    ),
    k8s: section(
      {
        service: text({ about: "`service.namespace`." }),
        ports: list(port({ about: "A port." }), { max: 16, about: "Ports of every pod." }),
        timeout: duration({ optional: true, about: "How long the first list may take." }),
        return_hostnames: flag({ default: false, about: "Names in place of addresses." }),
      },
      {
        optional: true,
        about: "Not available in this version: use `dns` with the headless service's name.",
      },
    ),
    aws_cloud_map: anything({ about: "Not supported: use `dns` or `static`." }),
  },
  { filled: true, about: "Where the backends are: exactly one of `static` and `dns`." },
);

const peerResolver = section(
  {
    static: section(
      {
        endpoints: list(target({ about: "A replica." }, 7947), { min: 1, max: 1000, about: "The replicas." }),
      },
      { optional: true, about: "A fixed list." },
    ),
    dns: section(
      {
        hostname: text({ ...dnsName, about: "The gateway's own headless service." }),
        port: port({ default: 7947, about: "The port of every replica." }),
      },
      { optional: true, about: "Asks DNS." },
    ),
  },
  { optional: true, about: "Where the other replicas are: `static` or `dns`." },
);

export const cluster = section(
  {
    endpoint: endpoint({ default: "localhost:7947", about: "The address to listen on for other replicas." }),
    secret_file: text({ optional: true, about: "A file with the secret that replicas share." }),
    peers: peerResolver,
  },
  {
    optional: true,
    ours: true,
    ignored: "in this version replicas do not talk to each other",
    about: "What replicas of the gateway tell each other. Not available in this version.",
  },
);

export type ResolverSection = Infer<typeof resolver>;
