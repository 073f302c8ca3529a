// What only a colour showed is shown by a line where colours are forced.
(() => {
  const wrong = [];
  for (const e of document.querySelectorAll(".button, .wallet, .badge, .who, .hint, .alert, .notice, textarea, input:not([type=hidden])")) {
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(e);
    const lines = ["Top", "Right", "Bottom", "Left"].filter((side) => style[`border${side}Style`] !== "none" && parseFloat(style[`border${side}Width`]) > 0);
    if (lines.length === 0) wrong.push(`no line around ${e.className || e.tagName}: ${e.textContent.trim().slice(0, 40)}`);
  }
  return wrong;
})()
