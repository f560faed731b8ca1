/** Extensions: which of them run, and who authenticates by which. */
import type { ClientCredentialSettings } from "../../base/client-credentials.ts";
import type { Path } from "../fault.ts";
import type { Infer } from "../fields.ts";
import type { ConfigurationReader } from "../reader.ts";
import { type ExtensionSection, type ExtensionType, extensionTypes } from "../schema/components.ts";
import type { authentication } from "../schema/tls.ts";
import type { AuthenticatorSettings } from "../settings.ts";
import { quoted } from "../source-tree.ts";
import { suggestion } from "../suggest.ts";
import { type Component, type Components, readComponents } from "./components.ts";
import { defined } from "./defined.ts";

type AnyExtension = ExtensionSection<ExtensionType>;
type AuthenticationSection = Infer<typeof authentication>;

export class Extensions {
  readonly #reader: ConfigurationReader;
  readonly #components: Components<AnyExtension>;
  readonly #enabled: ReadonlySet<string>;

  /** Reads `extensions`, and checks `service.extensions`, whose names are `enabled`. */
  constructor(reader: ConfigurationReader, enabled: readonly string[]) {
    this.#reader = reader;
    this.#enabled = new Set(enabled);
    this.#components = readComponents(reader, "extensions", extensionTypes, (path, type) => {
      const meant = suggestion(type, Object.keys(extensionTypes));
      reader.warn(path, `has no effect: there is no extension ${type} here${meant}`);
    });
    for (const [index, name] of enabled.entries()) this.#checkIsDefined(name, index);
    for (const { name, path } of this.#components.values()) {
      if (!this.#enabled.has(name)) {
        reader.warn(path, `has no effect: ${name} is not among service.extensions`);
      }
    }
  }

  /** The one extension of a type that runs; a second one is a fault. */
  theOne<T extends ExtensionType>(type: T): ExtensionSection<T> | undefined {
    const [first, second] = this.#running(type);
    if (second !== undefined) {
      this.#reader.faultAtKey(second.path, `expected one ${type}, got a second one beside ${first!.name}`);
    }
    return first?.section as ExtensionSection<T> | undefined;
  }

  /** The directory that a queue's `storage` names, or else that of the only file_storage. */
  storageDirectory(storagePath: Path, storage: string | undefined): string | undefined {
    const running = this.#running("file_storage");
    if (storage === undefined) return running.length === 1 ? directoryOf(running[0]!) : undefined;
    const named = running.find(({ name }) => name === storage);
    if (named === undefined) {
      const names = running.map(({ name }) => name);
      this.#reader.expected(storagePath, `a file_storage of service.extensions${listed(names)}`);
      return undefined;
    }
    return directoryOf(named);
  }

  /** Who checks a receiver's clients. */
  authenticator(auth: AuthenticationSection, authPath: Path): AuthenticatorSettings | undefined {
    if (auth === undefined) return undefined;
    const path = [...authPath, "authenticator"];
    const extension = this.#authentication(auth.authenticator, path);
    if (extension?.section === undefined) return undefined;
    const { name } = extension;
    if (extension.type === "basicauth") {
      const { htpasswd } = extension.section as ExtensionSection<"basicauth">;
      if (htpasswd?.file === undefined && htpasswd?.inline === undefined) {
        this.#reader.expected(path, "an extension with htpasswd.file or htpasswd.inline", quoted(name));
        return undefined;
      }
      return { type: "basic", name, htpasswd: defined(htpasswd) };
    }
    const bearer = this.#bearer(extension, path);
    if (bearer === undefined) return undefined;
    return { type: "bearer", name, ...defined(bearer) };
  }

  /** How an exporter names itself. */
  credentials(auth: AuthenticationSection, authPath: Path): ClientCredentialSettings | undefined {
    if (auth === undefined) return undefined;
    const path = [...authPath, "authenticator"];
    const extension = this.#authentication(auth.authenticator, path);
    if (extension?.section === undefined) return undefined;
    if (extension.type === "basicauth") {
      const client = (extension.section as ExtensionSection<"basicauth">).client_auth;
      const hasUser = client?.username !== undefined || client?.username_file !== undefined;
      const hasPassword = client?.password !== undefined || client?.password_file !== undefined;
      if (client === undefined || !hasUser || !hasPassword) {
        this.#reader.expected(
          path,
          "an extension with a client_auth of username and password",
          quoted(extension.name),
        );
        return undefined;
      }
      const { username, username_file: usernameFile, password, password_file: passwordFile } = client;
      return { kind: "basic", ...defined({ username, usernameFile, password, passwordFile }) };
    }
    const bearer = this.#bearer(extension, path);
    if (bearer === undefined) return undefined;
    const { scheme, header, filename } = bearer;
    return {
      kind: "bearer",
      scheme,
      header,
      ...defined({ token: bearer.token ?? bearer.tokens[0], filename }),
    };
  }

  #bearer(extension: Component<AnyExtension>, path: Path): ExtensionSection<"bearertokenauth"> | undefined {
    const section = extension.section as ExtensionSection<"bearertokenauth">;
    if (section.token !== undefined || section.tokens.length > 0 || section.filename !== undefined) {
      return section;
    }
    this.#reader.expected(path, "an extension with token, tokens or filename", quoted(extension.name));
    return undefined;
  }

  #authentication(name: string, path: Path): Component<AnyExtension> | undefined {
    const candidates = [...this.#running("basicauth"), ...this.#running("bearertokenauth")];
    const extension = candidates.find((candidate) => candidate.name === name);
    if (extension !== undefined) return extension;
    const names = candidates.map((candidate) => candidate.name);
    this.#reader.expected(
      path,
      `a basicauth or bearertokenauth of service.extensions${listed(names)}`,
      quoted(name) + suggestion(name, names),
    );
    return undefined;
  }

  #running(type: ExtensionType): Component<AnyExtension>[] {
    return [...this.#components.values()].filter(
      (component) => component.type === type && this.#enabled.has(component.name),
    );
  }

  #checkIsDefined(name: string, index: number): void {
    const names = this.#reader.keys(["extensions"]);
    if (names.includes(name)) return;
    this.#reader.expected(
      ["service", "extensions", index],
      `an extension that is defined${listed(names)}`,
      quoted(name) + suggestion(name, names),
    );
  }
}

function directoryOf(component: Component<AnyExtension>): string | undefined {
  return (component.section as ExtensionSection<"file_storage"> | undefined)?.directory;
}

/** ` (a, b)`, or that there are none. */
export function listed(names: readonly string[]): string {
  return names.length === 0 ? " (there is none)" : ` (${names.join(", ")})`;
}
