// A web application with Auth.js, on Express. It reads ISSUER, CLIENT_ID and CLIENT_SECRET
// from the environment, AUTH_SECRET if there is one, and PORT or BASE_URL, where it is
// reached. `examples/run authjs` sets what it must.
import { Auth, raw, skipCSRFCheck } from "@auth/core";
import { getToken } from "@auth/core/jwt";
import { ExpressAuth, getSession } from "@auth/express";
import express from "express";
import { config } from "./auth.js";
import { page } from "./page.js";

const port = Number(process.env.PORT ?? 3000);
const base = process.env.BASE_URL ?? `http://127.0.0.1:${port}`;
const { issuer, clientId } = config.providers[0];
const discovered = await fetch(`${issuer}/.well-known/openid-configuration`);
if (!discovered.ok) throw new Error(`the provider's metadata: ${discovered.status} of ${discovered.url}`);
const { end_session_endpoint } = await discovered.json();

const app = express();
app.disable("x-powered-by");
app.set("trust proxy", "loopback"); // one that ends TLS; Auth.js asks whether it did
app.use((req, res, next) => {
  res.set({
    // Signing in and out are forms whose answers lead to the provider, and browsers hold
    // those, too, to form-action.
    "Content-Security-Policy": `default-src 'none'; style-src 'self'; form-action 'self' ${new URL(issuer).origin}; base-uri 'none'; frame-ancestors 'none'`,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
  });
  // A form of another site neither signs in nor out.
  if (req.method === "POST" && req.get("sec-fetch-site") !== "same-origin") return res.sendStatus(403);
  next();
});

app.use("/auth", ExpressAuth(config));

// act does what signIn and signOut of next-auth do: it has Auth.js answer a form, sets
// the cookies, and returns where to go.
async function act(req, res, path) {
  const headers = { cookie: req.headers.cookie ?? "", "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams({ callbackUrl: base + "/" });
  const answer = await Auth(new Request(base + path, { method: "POST", headers, body }), { ...config, raw, skipCSRFCheck });
  for (const { name, value, options } of answer.cookies ?? []) {
    res.cookie(name, value, { ...options, maxAge: options.maxAge === undefined ? undefined : options.maxAge * 1000 });
  }
  return answer.redirect ?? "/?error=Provider"; // the log has what went wrong
}

app.post("/login", async (req, res) => res.redirect(303, await act(req, res, "/auth/signin/near")));

// Auth.js ends its own session alone, and then the next sign-in would need no wallet. The ID
// token proves to the provider whose session ends there (RP-Initiated Logout).
app.post("/logout", async (req, res) => {
  const session = await getToken({ req, secret: config.secret, secureCookie: base.startsWith("https:") });
  await act(req, res, "/auth/signout");
  if (!session?.idToken) return res.redirect(303, "/");
  const end = new URL(end_session_endpoint);
  end.search = new URLSearchParams({
    client_id: clientId,
    id_token_hint: session.idToken,
    post_logout_redirect_uri: base + "/",
  });
  res.redirect(303, end.href);
});

app.get("/", async (req, res) => {
  const session = await getSession(req, config);
  res.send(page(session?.user, req.query.error));
});

app.use(express.static("public"));

// Without it Express shows the person where in the program it went wrong.
app.use((err, req, res, next) => {
  console.error(err.message);
  if (res.headersSent) return next(err);
  res.status(500).send(page(undefined, "Server"));
});

app.listen(port, "127.0.0.1", (err) => {
  if (err) throw err;
  console.log(`Open ${base}`);
});
