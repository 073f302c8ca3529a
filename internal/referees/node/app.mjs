// What the relying parties share: they are told what to be as JSON, listen on
// loopback, sign in at /login, and show at /me whom they take the visitor for.
import express from "express";
import session from "express-session";

// base is where the application is reached; issuer, client_id, client_secret,
// redirect_uri and scope are what it was registered with.
export const input = JSON.parse(process.argv[2]);
export const { issuer, base } = input;
export const secret = "referee-0123456789-0123456789-abcdef";

// serve listens until the test ends it.
export function serve(app) {
  app.get("/up", (_req, res) => res.send("up"));
  app.use((err, _req, res, _next) => {
    console.error(err);
    res.status(err.status ?? 500).send(String(err));
  });
  const { hostname, port } = new URL(base);
  app.listen(Number(port), hostname, (err) => {
    if (err) throw err;
  });
}

export const application = () => express();

// remembers gives an application sessions in memory.
export function remembers(app) {
  app.use(session({ secret, resave: false, saveUninitialized: false }));
}

// me shows the claims that whose finds for a request, 401 without any.
export function me(app, whose) {
  app.get("/me", async (req, res) => {
    const claims = await whose(req);
    if (claims) res.json(claims);
    else res.sendStatus(401);
  });
}
