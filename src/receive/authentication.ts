/** Who may send: checked on a request's headers, before its body is read. */
export type { Authenticator, FileBackedAuthenticator } from "./authentication/authenticator.ts";
export { type BasicAuthSettings, createBasicAuthenticator } from "./authentication/basic.ts";
export { type BearerTokenSettings, createBearerTokenAuthenticator } from "./authentication/bearer-token.ts";
