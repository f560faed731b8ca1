/** The status page: one document without foreign parts, allowed by its policy to run this script and no other. */
import { hash } from "node:crypto";
import { STATUS_PAGE_SCRIPT } from "./status-page-script.ts";
import { STATUS_PAGE_STYLE } from "./status-page-style.ts";

function sourceHash(source: string): string {
  return `'sha256-${hash("sha256", source, "base64")}'`;
}

/** The value of the page's Content-Security-Policy header. */
export const STATUS_PAGE_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src ${sourceHash(STATUS_PAGE_SCRIPT)}`,
  `style-src ${sourceHash(STATUS_PAGE_STYLE)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>otlp-ring</title>
<link rel="icon" href="data:,">
<style>${STATUS_PAGE_STYLE}</style>
</head>
<body>
<header>
  <h1>otlp-ring</h1>
  <span id="ready" class="badge wait">…</span>
  <span id="uptime" class="faint"></span>
  <span id="version" class="faint"></span>
</header>
<p id="unreachable" class="notice bad" role="status"></p>
<div id="because"></div>
<section aria-labelledby="accounts-title">
  <h2 id="accounts-title">Items <small>spans, data points and log records since the start</small></h2>
  <div id="accounts"></div>
</section>
<div id="rings"></div>
<section aria-labelledby="look-up-title">
  <h2 id="look-up-title">Where does a key go?</h2>
  <form id="look-up">
    <input id="key" required maxlength="1024" autocomplete="off" spellcheck="false"
      placeholder="trace id (32 hexadecimal digits) or service name" aria-label="trace id or service name">
    <button>Look up</button>
  </form>
  <div id="routes" role="status"></div>
</section>
<section aria-labelledby="backends-title">
  <h2 id="backends-title">Backends</h2>
  <div id="backends"></div>
</section>
<section aria-labelledby="events-title">
  <h2 id="events-title">Recent events</h2>
  <div id="events"></div>
</section>
<footer class="faint">The same as JSON: <a href="api/v1/status">api/v1/status</a></footer>
<noscript>This page needs its script; the same figures are in <a href="api/v1/status">api/v1/status</a>.</noscript>
<script>${STATUS_PAGE_SCRIPT}</script>
</body>
</html>
`;
