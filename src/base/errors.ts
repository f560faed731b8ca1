/**
 * An error that a user can act on: a stable code, a message that names the place and the remedy.
 * Anything else that is thrown is a fault of the program.
 */
export class OtlpRingError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "OtlpRingError";
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
