/** OTLP/JSON to protobuf, against JSON.parse alone: 512 spans as an SDK's http/json exporter writes them. */
import { bench, do_not_optimize, run, summary } from "mitata";
import { JsonTranscoder } from "../../../src/otlp/json/transcoder.ts";
import { traceRequestJson } from "../../lib/trace-requests-json.ts";

const json = traceRequestJson(1, { resourceCount: 1, spansPerResource: 512 });
const pretty = Buffer.from(JSON.stringify(JSON.parse(json.toString()), null, 2));
const transcoder = new JsonTranscoder("traces");
const account = { tryGrow: () => true };
const megabytes = (bytes: Buffer): string => `${(bytes.length / 1e6).toFixed(2)} MB`;

summary(() => {
  bench(`JsonTranscoder, ${megabytes(json)}`, () => do_not_optimize(transcoder.transcode(json, account)));
  bench(`JsonTranscoder, indented, ${megabytes(pretty)}`, () =>
    do_not_optimize(transcoder.transcode(pretty, account)),
  );
  bench("JSON.parse alone", () => do_not_optimize(JSON.parse(json.toString())));
});
await run({ colors: false });
