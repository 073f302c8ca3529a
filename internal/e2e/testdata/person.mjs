// The person in front of the browser, who is played by the Go test.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const input = JSON.parse(process.argv[2]);

// visit opens a URL, signs in there, and returns the URL that the browser came back to.
export async function visit(url) {
  console.log(JSON.stringify({ visit: String(url) }));
  const { value } = await lines.next();
  return new URL(value);
}

// device lets the person decide on the device that shows a user code, and returns
// when they have.
export async function device(user_code, decision) {
  console.log(JSON.stringify({ device: { user_code, decision } }));
  await lines.next();
}

export function done(result) {
  console.log(JSON.stringify({ done: result }));
  process.stdin.destroy();
}
