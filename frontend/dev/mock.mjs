// A stand-in for the functions, to see the page without them: two environments, a handful of apps, and a scripted release
// that goes through all its hops again and again. Serves dist on loopback; prints a sign-in link. For development only.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { Demo } from "./demo.mjs";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const codes = new Set(["demo", "demo-2", "demo-3", "demo-4"]);
const sessions = new Set();
const tickets = new Set();
const sockets = new Map(); // socket → Map(topic → subscription)

const demo = new Demo((topic, docs, changed_at) => {
  for (const [socket, subscriptions] of sockets) {
    const subscription = subscriptions.get(topic);
    const wanted = docs.filter(({ key }) => subscription !== undefined && key.startsWith(subscription.prefix ?? ""));
    if (wanted.length > 0) socket.send(JSON.stringify({ type: "docs", topic, docs: wanted, changed_at }));
  }
});

const server = createServer((request, response) => {
  route(request, response).catch((error) => {
    console.error(error);
    problem(response, 500, "Internal error");
  });
});

async function route(request, response) {
  const url = new URL(request.url, "http://localhost");
  const name = `${request.method} ${url.pathname}`;
  if (!url.pathname.startsWith("/v1/")) return file(url.pathname, response);
  if (name === "GET /v1/version") return json(response, 200, { version: "0.1.0", notice: "demo cluster" });
  if (name === "POST /v1/session") {
    if (!codes.delete(request.headers["gimlet-code"])) return problem(response, 401, "The code is unknown or spent");
    const id = randomUUID();
    sessions.add(id);
    response.setHeader("Set-Cookie", `gimlet-local=${id}; HttpOnly; SameSite=Lax; Path=/`);
    return response.writeHead(204).end();
  }
  const session = /gimlet-local=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  if (!sessions.has(session)) return problem(response, 401, "Not signed in");
  if (request.method !== "GET" && request.headers["x-gimlet-csrf"] !== "1") return problem(response, 403, "No CSRF header");
  if (name === "DELETE /v1/session") return sessions.delete(session), response.writeHead(204).end();
  if (name === "POST /v1/session/ticket") {
    const ticket = randomUUID();
    tickets.add(ticket);
    return json(response, 201, { ticket, expires_at: new Date(Date.now() + 30_000).toISOString() });
  }
  if (name === "GET /v1/me") {
    return json(response, 200, {
      kind: "person",
      id: "p1",
      name: "local",
      organization: { id: "o1", name: "demo" },
      permissions: ["read", "ship", "deploy", "hold", "admin"],
    });
  }
  if (name === "GET /v1/documents") {
    return json(response, 200, demo.page(url.searchParams.get("topic"), url.searchParams.get("prefix") ?? ""));
  }
  const [, , kind, env, app, action] = url.pathname.split("/");
  if (kind === "requests") return json(response, 200, demo.request(env));
  if (kind === "apps" && request.method !== "GET") {
    const body = await bodyOf(request);
    const id = demo.act(request.method, env, app, action, body);
    return id === null ? response.writeHead(204).end() : json(response, 202, { id, type: action ?? "delete" });
  }
  return problem(response, 404, "There is no such thing");
}

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? {} : JSON.parse(text);
}

function json(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

function problem(response, status, title) {
  response
    .writeHead(status, { "Content-Type": "application/problem+json" })
    .end(JSON.stringify({ type: "about:blank", title, status, detail: "", instance: `req-${randomUUID().slice(0, 8)}` }));
}

async function file(path, response) {
  const wanted = extname(path) === "" ? "index.html" : normalize(path).replace(/^(\.\.[/\\])+/, "");
  try {
    const content = await readFile(join(dist, wanted));
    response.writeHead(200, { "Content-Type": TYPES[extname(wanted)] ?? "application/octet-stream" }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}

const websockets = new WebSocketServer({ noServer: true, handleProtocols: () => "gimlet.v1" });
server.on("upgrade", (request, socket, head) => {
  const ticket = /ticket\.([^,\s]+)/.exec(request.headers["sec-websocket-protocol"] ?? "")?.[1];
  if (request.url !== "/ws" || !tickets.delete(ticket)) return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
  websockets.handleUpgrade(request, socket, head, (client) => {
    sockets.set(client, new Map());
    client.on("close", () => sockets.delete(client));
    client.on("message", (data) => receive(client, JSON.parse(String(data))));
  });
});

function receive(client, message) {
  const subscriptions = sockets.get(client);
  if (message.type === "unsubscribe") subscriptions.delete(message.topic);
  if (message.type !== "subscribe") return;
  subscriptions.set(message.topic, message);
  client.send(JSON.stringify({ type: "floor", topic: message.topic, seq: 0 }));
  if (message.since === undefined) return;
  const { docs, changed_at } = demo.page(message.topic, message.prefix ?? "");
  if (docs.length > 0) client.send(JSON.stringify({ type: "docs", topic: message.topic, docs, changed_at }));
}

/** What tests of reconnecting need: cut all sockets. */
process.on("SIGUSR2", () => sockets.forEach((_, socket) => socket.terminate()));

server.listen(Number(process.env.PORT ?? 8000), "127.0.0.1", () => {
  const origin = `http://localhost:${server.address().port}`;
  console.log(JSON.stringify({ origin, link: `${origin}/#code=demo` }));
  demo.start(Number(process.env.STEP_MS ?? 1_500));
});
