// MyNearWallet's side of /sign-message. In a window that a page opened, the answer is a
// message to that page and the signature leaves the callback URL out; in a window that
// came here by redirect, it goes to the callback URL in the fragment.
const request = document.querySelector("[data-request]").dataset;
const problem = document.querySelector("[data-problem]");
const buttons = document.querySelectorAll("[data-act]");
const byMessage = !!window.opener;

async function sign() {
  const answer = await fetch("/sign", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      account_id: document.querySelector("[name=account]:checked").value,
      message: request.message,
      nonce: request.nonce,
      recipient: request.recipient,
      callback_url: byMessage ? null : request.callback,
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  const { accountId, signature, publicKey } = await answer.json();
  return { accountId, signature, publicKey };
}

// Empty values are left out, each one ends in "&", and a fragment that was there is lost.
function redirectURL(params) {
  const url = new URL(request.callback);
  let hash = "";
  for (const [name, value] of Object.entries(params)) {
    if (value) hash += `${name}=${encodeURIComponent(value)}&`;
  }
  url.hash = hash;
  return url.toString();
}

function leave(signedRequest, error) {
  location.href = redirectURL(error ? { error: error.message } : { ...signedRequest, state: request.state });
}

// A refusal is reported as success too, with an empty answer and the error beside it.
function deliver(signedRequest, error) {
  if (!byMessage) return leave(signedRequest, error);
  window.opener.postMessage(
    {
      status: "success",
      accountUrlCallbackUrl: request.callback,
      signedRequest,
      accountUrlState: request.state || undefined,
      verifyOwnerError: error,
    },
    request.callback,
  );
  setTimeout(leave, 3000, signedRequest, error);
}

function act(run) {
  return async () => {
    for (const b of buttons) b.disabled = true;
    problem.hidden = true;
    try {
      await run();
    } catch (e) {
      problem.textContent = `Not signed: ${e.message}`;
      problem.hidden = false;
      for (const b of buttons) b.disabled = false;
    }
  };
}

document.querySelector("[data-act=approve]").addEventListener("click", act(async () => deliver(await sign())));
document.querySelector("[data-act=reject]").addEventListener("click", act(async () => deliver({}, new Error("User rejected"))));
