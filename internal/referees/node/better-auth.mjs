// better-auth with its genericOAuth plugin, which stores nothing but cookies.
import { betterAuth } from "better-auth";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import { genericOAuth } from "better-auth/plugins";
import { application, base, input, issuer, me, secret, serve } from "./app.mjs";

const auth = betterAuth({
  baseURL: base,
  secret,
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  // A field that a provider fills can be changed by the user too, at this path.
  user: { additionalFields: { groups: { type: "string[]", required: false } } },
  disabledPaths: ["/update-user"],
  plugins: [
    genericOAuth({
      config: [
        {
          providerId: "near",
          clientId: input.client_id,
          clientSecret: input.client_secret,
          discoveryUrl: issuer + "/.well-known/openid-configuration",
          scopes: input.scope.split(" "),
          pkce: true,
          // It refuses who has no address.
          mapProfileToUser: ({ sub, groups, email }) => ({ groups, email: email ?? `${sub}@users.invalid` }),
        },
      ],
    }),
  ],
});

const app = application();

app.get("/login", async (req, res) => {
  const answer = await auth.api.signInSocial({
    body: { provider: "near", callbackURL: base + "/me", errorCallbackURL: base + "/failed" },
    headers: fromNodeHeaders(req.headers),
    asResponse: true,
  });
  const { url } = await answer.json();
  res.append("set-cookie", answer.headers.getSetCookie()).redirect(url);
});

app.get("/failed", (req, res) => res.status(403).send(String(req.query.error)));
app.all("/api/auth/{*path}", toNodeHandler(auth));

me(app, async (req) => {
  const headers = fromNodeHeaders(req.headers);
  const session = await auth.api.getSession({ headers });
  if (!session) return undefined;
  const [account] = await auth.api.listUserAccounts({ headers });
  return { ...session.user, sub: account.accountId };
});
serve(app);
