// escape makes text out of what others chose.
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// The codes that Auth.js appends to the page of pages.error, and one of ours.
const errors = new Map([
  ["OAuthCallbackError", "You cancelled, or the provider did not sign you in. Nothing was shared."],
  ["AccessDenied", "You may not sign in here."],
  ["Provider", "The provider does not answer. Try again in a moment."],
]);

// page shows who is signed in.
export function page(user, error) {
  const main = user
    ? `<h1>Signed in as <b>${escape(user.name)}</b></h1>
       <p>On ${escape(user.network)}.</p>
       <form method="post" action="/logout"><button>Sign out</button></form>`
    : `<h1>An Auth.js server</h1>
       ${error ? `<p role="alert">${errors.get(error) ?? "That did not work. Please try again."}</p>` : ""}
       <p>It knows OpenID Connect, and nothing of NEAR.</p>
       <form method="post" action="/login"><button>Sign in with NEAR</button></form>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Auth.js with NEAR</title>
<link rel="stylesheet" href="/page.css">
</head>
<body><main>${main}</main></body>
</html>`;
}
