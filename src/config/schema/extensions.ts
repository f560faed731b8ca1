/** Extensions that mean here what they mean in the Collector. */
import { anything, type Infer, list, section } from "../fields.ts";
import { endpoint, flag, text } from "../values.ts";

export const healthCheck = section(
  {
    endpoint: endpoint({ default: "localhost:13133", about: "The address to listen on." }),
    path: text({
      default: "/",
      pattern: /^\/[\w./~-]*$/,
      expected: 'a path such as "/"',
      about: "Where the Collector's check is answered, beside `/livez`, `/readyz` and `/status`.",
    }),
    response_body: anything({ ignored: "the answer says what is wrong", about: "Accepted, not used." }),
    check_collector_pipeline: anything({
      ignored: "readiness covers it",
      about: "Accepted, not used.",
    }),
    tls: anything({ ignored: "health is served in plain text", about: "Accepted, not used." }),
  },
  { about: "Answers health checks." },
);

export const zpages = section(
  {
    endpoint: endpoint({ default: "localhost:55679", about: "The address to listen on." }),
    expvar: anything({ ignored: "there is no expvar here", about: "Accepted, not used." }),
  },
  { about: "The status page." },
);

export const fileStorage = section(
  {
    directory: text({
      default: "/var/lib/otelcol/file_storage",
      about: "The directory, which becomes the write-ahead log's.",
    }),
    create_directory: flag({ optional: true, about: "Accepted: the directory is always created." }),
    directory_permissions: anything({ about: "Accepted: the directory is for its owner alone." }),
    timeout: anything({ about: "Accepted, not used." }),
    fsync: anything({ about: "Accepted: everything is synced." }),
    recreate: anything({ about: "Accepted, not used." }),
    compaction: anything({ about: "Accepted: there is nothing to compact." }),
  },
  { about: "Where an exporter's `sending_queue.storage` keeps its data." },
);

export const basicAuth = section(
  {
    htpasswd: section(
      {
        file: text({ optional: true, about: "A file as htpasswd writes it." }),
        inline: text({
          optional: true,
          secret: true,
          lengthMax: 1_000_000,
          about: "The contents of such a file. Its lines count before those of the file.",
        }),
      },
      { optional: true, about: "Whom a receiver lets in: at least one of `file` and `inline`." },
    ),
    client_auth: section(
      {
        username: text({ optional: true, about: "The user." }),
        username_file: text({ optional: true, about: "A file that holds the user's name instead." }),
        password: text({ optional: true, secret: true, about: "The password." }),
        password_file: text({
          optional: true,
          about: "A file that holds the password instead, read again when it changes.",
        }),
      },
      { optional: true, about: "What an exporter sends." },
    ),
  },
  { about: "HTTP basic authentication, for receivers (`htpasswd`) or exporters (`client_auth`)." },
);

export const bearerTokenAuth = section(
  {
    scheme: text({
      default: "Bearer",
      allowEmpty: true,
      pattern: /^[!#$%&'*+.^_`|~\w-]*$/,
      expected: "a word",
      about: "The word before the token; empty: the token alone.",
    }),
    header: text({
      default: "Authorization",
      pattern: /^[!#$%&'*+.^_`|~\w-]+$/,
      expected: "the name of a header",
      about: "The header that carries it.",
    }),
    token: text({ optional: true, secret: true, lengthMax: 65_536, about: "The token." }),
    tokens: list(text({ secret: true, lengthMax: 65_536, about: "A token." }), {
      max: 1000,
      secret: true,
      about: "Tokens that are let in; an exporter sends the first.",
    }),
    filename: text({
      optional: true,
      about:
        "A file of tokens, one a line, read again when it changes; then `token` and `tokens` count for nothing.",
    }),
  },
  { about: "A token in a header, for receivers or exporters." },
);

export type BasicAuthSection = Infer<typeof basicAuth>;
export type BearerTokenAuthSection = Infer<typeof bearerTokenAuth>;
