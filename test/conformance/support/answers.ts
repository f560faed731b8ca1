/** What an answer says, read by protobufjs or JSON.parse as its Content-Type has it. */
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import type { RetryInfo, Status } from "../../../src/tools/otlp-messages.ts";
import {
  decodeExportResponse,
  type ExportResponse,
  int64ToNumber,
  messageCodec,
  type Signal,
} from "../../../src/tools/otlp-proto.ts";
import type { Answer, HttpAnswer } from "./clients.ts";

/** An Export response; fails where the answer is none, or no success. */
export function successOf(answer: Answer, signal: Signal = "traces"): ExportResponse {
  if (answer.protocol === "grpc") {
    expect(answer).toMatchObject({ code: 0 });
    return decodeExportResponse(signal, answer.body);
  }
  expect({ status: answer.status, body: answer.status === 200 ? "" : String(answer.body) }).toEqual({
    status: 200,
    body: "",
  });
  if (!isJson(answer)) return decodeExportResponse(signal, answer.body);
  const { partialSuccess } = JSON.parse(String(answer.body)) as {
    partialSuccess?: Record<string, string>;
  };
  if (partialSuccess === undefined) return {};
  const field = { traces: "rejectedSpans", metrics: "rejectedDataPoints", logs: "rejectedLogRecords" }[
    signal
  ];
  const rejectedItems = Number(partialSuccess[field] ?? 0);
  return { partialSuccess: { rejectedItems, message: partialSuccess["errorMessage"] ?? "" } };
}

export interface Failure {
  /** The code of gRPC, or the status of HTTP. */
  readonly status: number;
  readonly message: string;
  /** Of RetryInfo. */
  readonly retryDelayMs: number | undefined;
  readonly retryAfter: string | undefined;
  /** Of BadRequest. */
  readonly fieldViolations: readonly { readonly field: string; readonly description: string }[] | undefined;
}

/** A failure with its google.rpc.Status; fails where there is none. */
export function failureOf(answer: Answer): Failure {
  if (answer.protocol === "grpc") {
    expect(answer.code).not.toBe(0);
    const [details] = answer.metadata.get("grpc-status-details-bin");
    const decoded = details === undefined ? noDetails : ofProtobuf(details as Buffer);
    return { ...decoded, status: answer.code, message: answer.message, retryAfter: undefined };
  }
  expect(answer.status).toBeGreaterThanOrEqual(400);
  const status = isJson(answer) ? ofJson(bodyOf(answer)) : ofProtobuf(bodyOf(answer));
  return { ...status, status: answer.status, retryAfter: answer.headers["retry-after"] };
}

type StatusContent = Pick<Failure, "message" | "retryDelayMs" | "fieldViolations">;

const noDetails: StatusContent = { message: "", retryDelayMs: undefined, fieldViolations: undefined };

function ofProtobuf(bytes: Buffer): StatusContent {
  const status = messageCodec("google.rpc.Status").decode(bytes) as Required<Status>;
  let content: StatusContent = { ...noDetails, message: status.message };
  for (const { type_url, value = Buffer.alloc(0) } of status.details) {
    switch (type_url ?? "") {
      case "type.googleapis.com/google.rpc.RetryInfo":
        content = { ...content, retryDelayMs: delayMs(messageCodec("google.rpc.RetryInfo").decode(value)) };
        break;
      case "type.googleapis.com/google.rpc.BadRequest": {
        const { fieldViolations = [] } = messageCodec("google.rpc.BadRequest").decode(value);
        content = {
          ...content,
          fieldViolations: fieldViolations.map(({ field = "", description = "" }) => ({
            field,
            description,
          })),
        };
        break;
      }
      default:
        throw new Error(`a detail of the type ${type_url}`);
    }
  }
  return content;
}

function delayMs({ retryDelay }: RetryInfo): number {
  return int64ToNumber(retryDelay?.seconds ?? 0) * 1000 + (retryDelay?.nanos ?? 0) / 1_000_000;
}

interface JsonStatus {
  readonly message: string;
  readonly details?: readonly {
    readonly "@type": string;
    readonly retryDelay?: string;
    readonly fieldViolations?: Failure["fieldViolations"];
  }[];
}

function ofJson(bytes: Buffer): StatusContent {
  const { message, details = [] } = JSON.parse(String(bytes)) as JsonStatus;
  const detail = (type: string) =>
    details.find((each) => each["@type"] === `type.googleapis.com/google.rpc.${type}`);
  const retryDelay = detail("RetryInfo")?.retryDelay;
  return {
    message,
    retryDelayMs: retryDelay === undefined ? undefined : Number.parseFloat(retryDelay) * 1000,
    fieldViolations: detail("BadRequest")?.fieldViolations,
  };
}

/** The body, of which the Content-Type has to be one of OTLP's two. */
function isJson(answer: HttpAnswer): boolean {
  expect(["application/json", "application/x-protobuf"]).toContain(answer.headers["content-type"]);
  return answer.headers["content-type"] === "application/json";
}

function bodyOf({ headers, body }: HttpAnswer): Buffer {
  return headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}
