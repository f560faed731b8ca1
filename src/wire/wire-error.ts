/** The bytes are not a protobuf message of the expected shape. `offset` counts from the start of the payload. */
export class WireError extends Error {
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(`malformed protobuf at byte ${offset}: ${problem}`);
    this.name = "WireError";
    this.offset = offset;
  }
}
