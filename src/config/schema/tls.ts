/** TLS, authentication and keepalive as the Collector's configtls, configauth and configgrpc have them. */
import { list, section } from "../fields.ts";
import { choice, duration, flag, text } from "../values.ts";

const commonTls = {
  cert_file: text({ optional: true, about: "A PEM file: the certificate, followed by its intermediates." }),
  key_file: text({ optional: true, about: "A PEM file: the certificate's private key, unencrypted." }),
  cert_pem: text({
    optional: true,
    lengthMax: 1_000_000,
    about: "The certificate as text, in place of `cert_file`.",
  }),
  key_pem: text({
    optional: true,
    secret: true,
    lengthMax: 1_000_000,
    about: "The private key as text, in place of `key_file`.",
  }),
  min_version: choice(["1.2", "1.3"], { default: "1.2", about: "The oldest version of TLS to speak." }),
  max_version: choice(["1.2", "1.3"], {
    optional: true,
    about: "The newest version of TLS to speak. Default: the newest there is.",
  }),
  cipher_suites: list(text({ about: "An IANA name." }), {
    max: 64,
    about: "Cipher suites of TLS 1.2 to offer, by their IANA names. Default: Node.js's.",
  }),
  reload_interval: duration({
    optional: true,
    min: "1s",
    about: "How often the files are read again. Default: never.",
  }),
};

export const serverTls = section(
  {
    ...commonTls,
    client_ca_file: text({
      optional: true,
      about: "A PEM file of certificate authorities: only clients with a certificate of theirs are served.",
    }),
    client_ca_file_reload: flag({
      default: false,
      about: "Reads `client_ca_file` again when it changes.",
    }),
  },
  { optional: true, about: "Serves over TLS. Absent: plain text." },
);

export const clientTls = section(
  {
    ...commonTls,
    insecure: flag({ default: false, about: "Plain text, unless a certificate authority is given." }),
    insecure_skip_verify: flag({ default: false, about: "Encrypts, but takes any certificate." }),
    ca_file: text({
      optional: true,
      about: "A PEM file of the authorities that sign the backends' certificates. Default: the system's.",
    }),
    ca_pem: text({
      optional: true,
      lengthMax: 1_000_000,
      about: "The authorities as text, in place of `ca_file`.",
    }),
    include_system_ca_certs_pool: flag({
      default: false,
      about: "Trusts the system's authorities as well as the given ones.",
    }),
    server_name_override: text({
      optional: true,
      about: "The name to expect in a backend's certificate, in place of the one dialled.",
    }),
  },
  { filled: true, about: "How backends are dialled: over TLS unless `insecure` says otherwise." },
);

export const authentication = section(
  { authenticator: text({ about: "The extension that checks or adds credentials, such as `basicauth`." }) },
  { optional: true, about: "Credentials." },
);

export const serverKeepalive = section(
  {
    server_parameters: section(
      {
        max_connection_idle: duration({
          optional: true,
          max: "8760h",
          about: "Closes a connection that has had no request for this long. Default, or 0: never.",
        }),
        max_connection_age: duration({
          optional: true,
          max: "8760h",
          about:
            "Asks a client to connect anew after this long, so that new replicas get their share. Default, or 0: never.",
        }),
        max_connection_age_grace: duration({
          optional: true,
          max: "8760h",
          about:
            "What a connection that has reached its age may still take to finish. Default, or 0: any time.",
        }),
        time: duration({ default: "2h", min: "1s", about: "Pings a silent client after this long." }),
        timeout: duration({
          default: "20s",
          min: "1ms",
          about: "Closes the connection when a ping is not answered within this time.",
        }),
      },
      { filled: true, about: "What the server does." },
    ),
    enforcement_policy: section(
      {
        min_time: duration({ default: "5m", about: "Clients that ping more often are sent away." }),
        permit_without_stream: flag({
          default: false,
          about: "Lets clients ping while they have no request open.",
        }),
      },
      { filled: true, about: "What clients may do." },
    ),
  },
  { filled: true, about: "HTTP/2 pings and the age of connections." },
);
