// Auth.js core, as the frameworks' packages of Auth.js call it.
import { Auth, raw, skipCSRFCheck } from "@auth/core";
import { application, base, input, issuer, me, secret, serve } from "./app.mjs";

const config = {
  secret,
  trustHost: true,
  basePath: "/auth",
  providers: [
    {
      id: "near",
      name: "NEAR",
      type: "oidc",
      issuer,
      clientId: input.client_id,
      clientSecret: input.client_secret,
      authorization: { params: { scope: input.scope } },
      checks: ["pkce", "state", "nonce"],
      profile: ({ sub, name, email, picture }) => ({ id: sub, name, email, image: picture }),
    },
  ],
  callbacks: {
    jwt: ({ token, profile }) => (profile ? { ...token, sub: profile.sub, groups: profile.groups } : token),
    session: ({ session, token }) => ({ ...session, user: { ...session.user, sub: token.sub, groups: token.groups } }),
  },
};

// request is what the library knows of a request of Node.js.
function request(req, path = req.originalUrl, init = {}) {
  return new Request(new URL(path, base), { ...init, headers: { cookie: req.headers.cookie ?? "", ...init.headers } });
}

const app = application();

app.get("/login", async (req, res) => {
  const asked = request(req, "/auth/signin/near", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ callbackUrl: base + "/me" }),
  });
  const answer = await Auth(asked, { ...config, raw, skipCSRFCheck });
  for (const { name, value, options } of answer.cookies) {
    res.cookie(name, value, { ...options, maxAge: options.maxAge && options.maxAge * 1000 });
  }
  res.redirect(answer.redirect);
});

app.get("/auth/{*path}", async (req, res) => {
  const answer = await Auth(request(req), config);
  res.status(answer.status);
  for (const [name, value] of answer.headers) res.append(name, value);
  res.send(Buffer.from(await answer.arrayBuffer()));
});

me(app, async (req) => (await (await Auth(request(req, "/auth/session"), config)).json())?.user);
serve(app);
