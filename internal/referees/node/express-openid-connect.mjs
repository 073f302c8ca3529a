// express-openid-connect: sessions in an encrypted cookie, routes of its own for
// /callback and /logout.
import { auth } from "express-openid-connect";
import { application, base, input, issuer, me, secret, serve } from "./app.mjs";

const app = application();
app.use(
  auth({
    issuerBaseURL: issuer,
    baseURL: base,
    clientID: input.client_id,
    clientSecret: input.client_secret,
    secret,
    authRequired: false,
    idpLogout: true,
    authorizationParams: { response_type: "code", scope: input.scope },
    routes: { login: false, callback: new URL(input.redirect_uri).pathname, postLogoutRedirect: base + "/me" },
  }),
);

app.get("/login", (_req, res) => res.oidc.login({ returnTo: "/me" }));

app.get("/refresh", async (req, res) => {
  await req.oidc.accessToken.refresh();
  res.redirect("/me");
});

me(app, async (req) => req.oidc.isAuthenticated() && { ...req.oidc.idTokenClaims, userinfo: (await req.oidc.fetchUserInfo()).sub });
serve(app);
