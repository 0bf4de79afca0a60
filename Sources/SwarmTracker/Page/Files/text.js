// Text and numbers. Whatever comes from the tracker is put in as text, never as markup.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (value) => grouped.format(value);

export function percent(part, whole) {
  if (!(whole > 0)) return "–";
  // 100 % only when nothing is missing.
  const tenths = Math.floor((part / whole) * 1000);
  return part >= whole ? "100 %" : `${(tenths / 10).toFixed(1)} %`;
}

const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

export function bytes(value) {
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

export function dollars(value) {
  if (value > 0 && value < 0.01) return "< $0.01";
  return `$${value >= 1000 ? count(value) : value.toFixed(2)}`;
}

export function time(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** An element with text, attributes and children. */
export function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** Sets text where it differs: what stays the same costs no layout. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

export const find = (id) => document.getElementById(id);

/** A number in a cell, quiet when it is zero. */
export function putCount(cell, value, isBad = false) {
  put(cell, count(value));
  cell.className = value === 0 ? "number zero" : isBad ? "number bad" : "number";
}

/** Asks the tracker. What it refuses is an error with its message and status. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, credentials: "omit" });
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  const message = body?.error?.message ?? `the tracker answered ${answer.status}`;
  throw Object.assign(new Error(message), { status: answer.status });
}
