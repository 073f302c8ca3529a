import { sign } from "near-sign-verify";
import { WebWallet } from "./wallet.js";

// Any object with signMessage will do: that of a wallet selector, or an injected wallet.
const wallet = new WebWallet(document.body.dataset.wallet);

const element = (id) => document.getElementById(id);
const tell = (text) => (element("status").textContent = text);

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function signIn() {
  wallet.open(); // in the click, or the browser blocks it
  try {
    await prove();
  } finally {
    wallet.close();
  }
}

// The three steps of NEAR's guide: a challenge from the server, a signature of the wallet, and
// the server's verdict.
async function prove() {
  const { message, nonce, recipient, state } = await post("/api/auth/initiate-login");
  tell(`Your wallet must show: ${message}`);
  const authToken = await sign(message, { signer: wallet, recipient, nonce: new Uint8Array(nonce), state });
  tell("Checking…");
  const { accountId } = await post("/api/auth/verify-login", { authToken });
  show(accountId);
}

async function signOut() {
  await post("/api/logout");
  show();
}

function show(account) {
  element("who").textContent = account ? `Signed in as ${account}` : "Not signed in";
  element("sign-in").hidden = Boolean(account);
  element("sign-out").hidden = !account;
  tell("");
}

// pressed runs what a button does, and says what went wrong.
const pressed = (run) => async (event) => {
  event.target.disabled = true;
  try {
    await run();
  } catch (err) {
    tell(err.message);
  }
  event.target.disabled = false;
};

element("sign-in").addEventListener("click", pressed(signIn));
element("sign-out").addEventListener("click", pressed(signOut));

const { account } = await (await fetch("/api/me")).json();
if (account) show(account);
