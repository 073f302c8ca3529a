// What every page must keep to, whatever it shows. Answers with what is wrong.
(() => {
  const wrong = [];
  const seen = (e) => e.checkVisibility({ visibilityProperty: true });
  const headings = [...document.querySelectorAll("h1")].filter(seen);
  if (headings.length !== 1) wrong.push(`${headings.length} h1: ${headings.map((h) => h.textContent)}`);
  if (!document.documentElement.lang || !document.title) wrong.push("no language or no title");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) wrong.push(`an id twice: ${ids}`);
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${innerWidth}`);

  // Words stay on the page, in their control, and whole.
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const outside = (inner, outer) => inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
  const page = { left: 0, right: innerWidth, top: -Infinity, bottom: Infinity };
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const e = text.parentElement;
    if (!text.data.trim() || e.closest(".sr, noscript, template, [role=status]") || !seen(e)) continue;
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    // What scrolls by itself may be wider than its place, three dots say that there is more, and some words are to be heard only.
    const meant = (style) => /auto|scroll/.test(style.overflowX) || style.textOverflow === "ellipsis" || style.clipPath !== "none";
    const free = (around) => around !== document.documentElement && (meant(getComputedStyle(around)) || free(around.parentElement));
    if (free(e)) continue;
    const holder = e.closest("button, a.button, .badge, .notice, pre, .detail, .hint, .alert, .who, .card");
    if (outside(box, page) || (holder && outside(box, holder.getBoundingClientRect()))) wrong.push(`out of its place: "${text.data.trim().slice(0, 60)}"`);
    for (let around = e; around !== document.body; around = around.parentElement) {
      const style = getComputedStyle(around);
      if (!/visible/.test(style.overflowX) && around.scrollWidth > around.clientWidth + 1) wrong.push(`cut off: "${text.data.trim().slice(0, 60)}"`);
    }
  }
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    for (const { animationName } of document.getAnimations()) if (animationName !== "breathe") wrong.push(`it moves: ${animationName}`);
  }

  const named = (e) => (e.getAttribute("aria-label") || [...(e.labels ?? [])].map((l) => l.textContent).join(" ") || e.textContent).trim();
  for (const e of document.querySelectorAll("button, a[href], textarea, summary, input:not([type=hidden])")) {
    if (!seen(e)) continue;
    if (!named(e)) wrong.push(`no name: ${e.outerHTML}`);
    const box = e.getBoundingClientRect();
    if (box.height < 24 || box.width < 24) wrong.push(`a target of ${box.width} × ${box.height}: ${named(e)}`);
  }
  const main = document.querySelector("main[data-visible]");
  if (!main || matchMedia("(scripting: none)").matches) return wrong;

  const panels = [...main.querySelectorAll("[data-panel]")].filter(seen);
  if (panels.length !== 1 || panels[0].dataset.panel !== main.dataset.visible) wrong.push(`panels: ${panels.map((p) => p.dataset.panel)}`);
  const live = document.querySelectorAll("[role=status]");
  if (live.length !== 1) wrong.push(`${live.length} live regions`);
  return wrong;
})()
