// The pages that wait for another device: they ask whether something has changed, and then load again.

const main = document.querySelector<HTMLElement>("main[data-busy]");
const pause = 2000;

async function look(state: string): Promise<void> {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "application/json" } });
    const said = (await answer.json()) as { state?: string };
    if (said.state !== state) return location.reload();
  } catch {
    // The connection is gone for a while.
  }
  next(state);
}

/** A page that nobody looks at waits until somebody does. */
function next(state: string): void {
  setTimeout(() => {
    if (!document.hidden) return void look(state);
    document.addEventListener("visibilitychange", () => void look(state), { once: true });
  }, pause);
}

if (main) next(main.dataset.state!);
