/** What a browser gets at `/`. No script, nothing from elsewhere. */
export const ABOUT_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>do</title>
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1.25rem; }
  h1 { font-size: 2.5rem; margin: 0; letter-spacing: -.02em; }
  p.lead { font-size: 1.15rem; margin-top: .25rem; }
  pre { border: 1px solid var(--line); border-radius: 8px; padding: 1rem; overflow-x: auto; font-size: .875rem; line-height: 1.5; }
  table { border-collapse: collapse; width: 100%; font-size: .95rem; }
  td { border-top: 1px solid var(--line); padding: .45rem .75rem .45rem 0; vertical-align: top; }
  code { font-family: ui-monospace, monospace; }
</style>
<h1>do</h1>
<p class="lead">Runs TypeScript that nobody has vetted, in milliseconds, next to your data.</p>
<pre><code>curl -s "$DO_URL/execute" \\
  -H "authorization: Bearer $DO_KEY" -H "content-type: application/json" \\
  -d '{"code": "const n: number = 40; return n + 2"}'</code></pre>
<table>
  <tr><td><code>POST /execute</code></td><td>Runs code and answers value, logs, outcome and usage. With <code>Accept: text/event-stream</code>, as it happens.</td></tr>
  <tr><td><code>GET /executions</code></td><td>What ran and what runs; <code>DELETE /executions/:id</code> ends it.</td></tr>
  <tr><td><code>POST /rpc/:service/:method</code></td><td>The services, with <code>{"params": [...]}</code>.</td></tr>
  <tr><td><code>/rpc</code></td><td>The same over Cap'n Web, by POST and WebSocket.</td></tr>
  <tr><td><code>GET /auth</code></td><td>Who you are and what you may do.</td></tr>
  <tr><td><a href="/openapi.json"><code>GET /openapi.json</code></a></td><td>All of it, as OpenAPI 3.1.</td></tr>
  <tr><td><a href="/ready"><code>GET /ready</code></a></td><td>Whether it can run code.</td></tr>
</table>
</html>
`;
