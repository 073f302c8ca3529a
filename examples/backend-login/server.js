// A web server whose people sign in by signing a challenge. It reads ISSUER, CLIENT_ID and
// CLIENT_SECRET from the environment, WALLET_URL, and PORT or BASE_URL, where it is reached.
// `examples/run backend-login` sets what it must.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import esbuild from "esbuild";
import { Refusal, begin, finish } from "./login.js";

const port = Number(process.env.PORT ?? 3000);
const base = process.env.BASE_URL ?? `http://127.0.0.1:${port}`;
const wallet = process.env.WALLET_URL ?? "https://app.mynearwallet.com";

// Expiring keeps values in memory for a while. Several processes, and restarts, need the same
// in a database.
class Expiring extends Map {
  constructor(seconds) {
    super();
    this.seconds = seconds;
  }
  put(value) {
    const now = Date.now();
    for (const [key, { until }] of this) if (until < now) this.delete(key);
    const key = randomBytes(32).toString("base64url");
    this.set(key, { value, until: now + this.seconds * 1000 });
    return key;
  }
  read(key) {
    const kept = this.get(key);
    return kept && kept.until >= Date.now() ? kept.value : undefined;
  }
  take(key) {
    const value = this.read(key);
    this.delete(key);
    return value;
  }
}

const logins = new Expiring(5 * 60); // as long as the provider's challenges are good
const sessions = new Expiring(8 * 60 * 60);

// Cookies that no script reads and no other site's request carries.
const secure = base.startsWith("https:");
const cookieName = (name) => (secure ? "__Host-" : "") + "example_backend_" + name;
const setCookie = (name, value, seconds) =>
  `${cookieName(name)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
const cookie = (req, name) =>
  (req.headers.cookie ?? "").split("; ").find((c) => c.startsWith(cookieName(name) + "="))?.slice(cookieName(name).length + 1);

// The page's script with what it imports, in one file.
const { outputFiles } = await esbuild.build({ entryPoints: ["page/page.js"], bundle: true, format: "esm", write: false });
const files = {
  "/": ["text/html", (await readFile("page/index.html", "utf8")).replace("WALLET_URL", wallet)],
  "/page.js": ["text/javascript", outputFiles[0].text],
  "/page.css": ["text/css", await readFile("page/page.css", "utf8")],
};

const headers = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-store",
};

const routes = {
  "GET /api/me": async (req) => ({ body: sessions.read(cookie(req, "session")) ?? {} }),

  // The challenge comes from the server, which keeps what belongs to it for the browser that asked.
  "POST /api/auth/initiate-login": async () => {
    const { checks, challenge } = await begin(base + "/");
    return { body: challenge, cookies: [setCookie("login", logins.put(checks), logins.seconds)] };
  },

  // It is answered once, by that browser: what somebody else signed, or signed before, finds no login.
  "POST /api/auth/verify-login": async (req) => {
    const checks = logins.take(cookie(req, "login"));
    if (!checks) throw new Refusal("This sign-in was not started in this browser, was finished before, or took too long.");
    const { authToken } = await readJSON(req);
    if (typeof authToken !== "string") throw new Refusal("The member authToken is missing.");
    const user = await finish(checks, authToken);
    const session = setCookie("session", sessions.put(user), sessions.seconds);
    return { body: { success: true, accountId: user.account }, cookies: [setCookie("login", "", 0), session] };
  },

  "POST /api/logout": async (req) => {
    sessions.delete(cookie(req, "session"));
    return { body: {}, cookies: [setCookie("session", "", 0)] };
  },
};

async function readJSON(req) {
  let text = "";
  for await (const chunk of req) {
    text += chunk;
    if (text.length > 16 << 10) throw new Refusal("The request is too long.");
  }
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw new Refusal("The request is not JSON.");
  }
}

async function answer(req) {
  const [pathname] = req.url.split("?");
  if (req.method === "GET" && Object.hasOwn(files, pathname)) {
    const [type, body] = files[pathname];
    return { type: type + "; charset=utf-8", body };
  }
  const route = `${req.method} ${pathname}`;
  if (!Object.hasOwn(routes, route)) return { status: 404, body: { error: "There is nothing here." } };
  // Pages of other sites neither begin a sign-in here nor end one.
  if (req.method === "POST" && req.headers.origin !== base) return { status: 403, body: { error: "This is not for other sites." } };
  try {
    return await routes[route](req);
  } catch (err) {
    if (err instanceof Refusal) return { status: err.status, body: { success: false, error: err.message } };
    console.error(`${route}: ${err.code ?? err.name}: ${err.message}`); // and not the cause, which may hold tokens
    return { status: 502, body: { success: false, error: "The provider does not answer as it should. Please try again." } };
  }
}

const server = createServer(async (req, res) => {
  const { status = 200, type = "application/json", body, cookies = [] } = await answer(req);
  res.writeHead(status, { ...headers, "Content-Type": type, "Set-Cookie": cookies });
  res.end(typeof body === "string" ? body : JSON.stringify(body));
});
server.listen(port, "127.0.0.1", () => console.log(`Open ${base}`));
