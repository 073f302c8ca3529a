// The configuration of Auth.js. It is the same in every framework: next-auth takes
// it as NextAuth(config), SvelteKit as SvelteKitAuth(config).
import { randomBytes } from "node:crypto";

for (const name of ["ISSUER", "CLIENT_ID", "CLIENT_SECRET"]) {
  if (!process.env[name]) throw new Error(`${name} is not set; \`idp client create\` prints it`);
}

const near = {
  id: "near", // the redirect URI ends with /auth/callback/near
  name: "NEAR",
  type: "oidc",
  issuer: process.env.ISSUER,
  clientId: process.env.CLIENT_ID,
  clientSecret: process.env.CLIENT_SECRET,
  authorization: { params: { scope: "openid profile" } },
  checks: ["pkce", "state", "nonce"], // without this line PKCE alone
  profile: (claims) => ({ id: claims.sub, name: claims.near_account_id }),
};

export const config = {
  basePath: "/auth",
  // It encrypts the sessions, which are cookies. One made here ends them at each restart.
  secret: process.env.AUTH_SECRET ?? randomBytes(32).toString("hex"),
  trustHost: true, // or set AUTH_URL; the provider returns to registered addresses alone
  session: { maxAge: 8 * 60 * 60 },
  providers: [near],
  pages: { signIn: "/", error: "/" },
  callbacks: {
    // profile and account are there at the sign-in alone. Without a database Auth.js makes up
    // an id for each sign-in; the subject is the one that lasts.
    jwt: ({ token, profile, account }) =>
      profile ? { ...token, sub: profile.sub, network: profile.near_network, idToken: account.id_token } : token,
    // What is not copied here stays on the server.
    session: ({ session, token }) => ({
      ...session,
      user: { id: token.sub, name: token.name, network: token.network },
    }),
  },
};
