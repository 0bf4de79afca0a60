// The marks: one for each host, told apart by shape as well as by colour. They are drawn once for
// each size and colour scheme, and copied from there.

export const states = [
  { name: "serving", letters: "a", label: "serving the wanted version" },
  { name: "staged", letters: "s", label: "staged" },
  { name: "fetching", letters: "0123456789", label: "fetching (filled as far as it is)" },
  { name: "switching", letters: "w", label: "switching" },
  { name: "other", letters: "o", label: "serving another" },
  { name: "idle", letters: "i", label: "nothing yet" },
  { name: "unhealthy", letters: "u", label: "unhealthy" },
  { name: "failed", letters: "e", label: "failed" },
  { name: "silent", letters: "x", label: "silent" },
];

const letters = states.map((state) => state.letters).join("");
const stateOf = new Map(
  states.flatMap((state) => [...state.letters].map((letter) => [letter, state.name])),
);

export const nameOf = (letter) => stateOf.get(letter) ?? "idle";

/** Of a cell with the gap after it, in CSS pixels. */
export const pitch = 9;
const side = 8;

let sheet = null;

/** Draws every mark anew: the colour scheme or the scale has changed. */
export function prepare() {
  const scale = Math.max(1, window.devicePixelRatio || 1);
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(pitch * letters.length * scale);
  canvas.height = Math.ceil(pitch * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  [...letters].forEach((letter, index) => {
    context.save();
    context.translate(index * pitch, 0);
    const colour = style.getPropertyValue(`--${nameOf(letter)}`).trim();
    context.fillStyle = colour;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    marks[nameOf(letter)](context, letter);
    context.restore();
  });
  sheet = { canvas, scale };
}

function frame(context) {
  context.strokeRect(0.5, 0.5, side - 1, side - 1);
}

function lines(context, width, ...points) {
  context.lineWidth = width;
  context.beginPath();
  for (const [x1, y1, x2, y2] of points) {
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
  }
  context.stroke();
}

const marks = {
  serving: (context) => context.fillRect(0, 0, side, side),
  staged: (context) => {
    frame(context);
    context.fillRect(3, 3, 2, 2);
  },
  fetching: (context, letter) => {
    frame(context);
    const height = ((Number(letter) + 1) / 10) * (side - 2);
    context.fillRect(1, side - 1 - height, side - 2, height);
  },
  switching: (context) => {
    context.beginPath();
    context.moveTo(0, side);
    context.lineTo(side, side);
    context.lineTo(side, 0);
    context.fill();
    frame(context);
  },
  other: (context) => context.fillRect(1.5, 1.5, side - 3, side - 3),
  idle: (context) => context.fillRect(3, 3, 2, 2),
  unhealthy: (context) => {
    frame(context);
    lines(context, 2, [1, side / 2, side - 1, side / 2]);
  },
  failed: (context) => lines(context, 2, [1, 1, side - 1, side - 1], [1, side - 1, side - 1, 1]),
  silent: (context) => {
    frame(context);
    lines(context, 1, [1, side - 1, side - 1, 1]);
  },
};

/** How many columns a rack of so many hosts has. */
export function columns(hosts) {
  return Math.min(64, Math.max(1, hosts), Math.max(5, Math.ceil(Math.sqrt(hosts * 3))));
}

/** Draws the marks of `text`; of what is there already as `before`, only those that differ. */
export function draw(canvas, text, before) {
  const { scale } = sheet;
  const wide = columns(text.length);
  const width = Math.ceil(wide * pitch * scale);
  const height = Math.ceil(Math.ceil(text.length / wide) * pitch * scale);
  const step = Math.ceil(pitch * scale);
  const isSame = canvas.width === width && canvas.height === height && before !== undefined;
  if (!isSame) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = `${width / scale}px`;
    canvas.style.height = `${height / scale}px`;
  }
  const context = canvas.getContext("2d");
  for (let index = 0; index < text.length; index += 1) {
    if (isSame && text[index] === before[index]) continue;
    const x = Math.round((index % wide) * pitch * scale);
    const y = Math.round(Math.floor(index / wide) * pitch * scale);
    const from = Math.round(letters.indexOf(text[index]) * pitch * scale);
    context.clearRect(x, y, step, step);
    context.drawImage(sheet.canvas, from, 0, step, step, x, y, step, step);
  }
  // What was there beyond the last mark.
  if (isSame && before.length > text.length) draw(canvas, text);
}
