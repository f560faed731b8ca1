/** The text is not JSON, or not of the message that it should be; the transcoder knows the path. */
export class JsonFault extends Error {
  /** Where in the text, in bytes. */
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(problem);
    this.name = "JsonFault";
    this.offset = offset;
  }
}
