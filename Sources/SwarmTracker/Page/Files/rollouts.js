// The newest rollout of each channel: where it stands, its waves, and what can be done about it.

import { count, find, make, put, putCount, show } from "./text.js";

const heads = ["Hosts", "Staged", "Active", "Failed", "Unhealthy", "Silent"];
const fields = ["hosts", "staged", "active", "failed", "unhealthy", "dead"];
const verbs = ["approve", "pause", "resume", "abort", "rollback"];
const labels = { pause: "Pause", resume: "Resume", abort: "Abort", rollback: "Roll back" };

function tone(rollout) {
  if (rollout.phase === "complete") return "good";
  if (["returning", "rolledBack", "rollbackDegraded"].includes(rollout.phase)) return "bad";
  return rollout.verbs.includes("resume") ? "held" : "going";
}

export class Rollouts {
  /** `onVerb` is told what an operator wants of a rollout. */
  constructor(onVerb) {
    this.onVerb = onVerb;
    this.cards = new Map();
  }

  /** Those of `channel`, or of all. */
  update(all, channel) {
    const shown = all.filter((rollout) => channel === "" || rollout.channel === channel);
    const keys = new Set(shown.map((rollout) => rollout.id));
    for (const [id, card] of this.cards) {
      if (keys.has(id)) continue;
      card.root.remove();
      this.cards.delete(id);
    }
    for (const rollout of shown) {
      let card = this.cards.get(rollout.id);
      if (!card) {
        card = this.make(rollout);
        this.cards.set(rollout.id, card);
        find("cards").append(card.root);
      }
      this.fill(card, rollout);
    }
    show(find("no-rollouts"), shown.length === 0);
  }

  make(rollout) {
    const card = { rollout, rows: [], buttons: {} };
    card.title = make("h3");
    card.state = make("p", { class: "state" });
    card.waits = make("p", { class: "waits" });
    card.reason = make("p", { class: "waits" });
    const controls = make("p", { class: "controls" });
    for (const verb of verbs) {
      const kind = { approve: "chief", abort: "grave", rollback: "grave" }[verb];
      const button = make("button", { type: "button", class: kind, "data-verb": verb });
      button.addEventListener("click", () => this.onVerb(verb, card.rollout, button.textContent));
      card.buttons[verb] = button;
      controls.append(button);
    }
    const head = make("tr", {}, make("th", { scope: "col", text: "Wave" }),
      make("th", { scope: "col", text: "Scope" }),
      ...heads.map((text) => make("th", { scope: "col", class: "number", text })),
      make("th", { scope: "col", text: "Progress" }), make("th", { scope: "col", text: "Gates" }));
    card.body = make("tbody");
    const table = make("table", { class: "waves" }, make("thead", {}, head), card.body);
    card.root = make("article", { class: "card", "data-rollout": String(rollout.id) },
      make("div", {}, card.title, card.state, card.waits, card.reason, controls),
      make("div", { class: "scroll" }, table));
    for (const _ of rollout.waves) card.rows.push(this.makeRow(card.body));
    return card;
  }

  makeRow(body) {
    const row = { head: make("th", { scope: "row" }), scope: make("td"), cells: {} };
    row.root = make("tr", {}, row.head, row.scope);
    for (const field of fields) {
      row.cells[field] = make("td", { class: "number" });
      row.root.append(row.cells[field]);
    }
    row.parts = ["staged", "active", "failed"].map((name) => make("span", { class: name }));
    row.track = make("span", { class: "track", role: "img" }, ...row.parts);
    row.gates = make("td");
    row.root.append(make("td", {}, row.track), row.gates);
    body.append(row.root);
    return row;
  }

  fill(card, rollout) {
    card.rollout = rollout;
    const from = rollout.previous ? `${rollout.previous} → ` : "";
    put(card.title,
      `${rollout.channel}: ${rollout.model} ${from}${rollout.version} (rollout ${rollout.id})`);
    card.root.dataset.tone = tone(rollout);
    put(card.state, rollout.state);
    put(card.waits, rollout.waitsFor ? `waits for ${rollout.waitsFor}` : "");
    put(card.reason, rollout.returnReason ?? "");
    for (const verb of verbs) {
      show(card.buttons[verb], rollout.verbs.includes(verb));
      put(card.buttons[verb], this.label(verb, rollout));
    }
    const isRunning = !["complete", "returning", "rolledBack", "rollbackDegraded"]
      .includes(rollout.phase);
    rollout.waves.forEach((wave, index) => {
      this.fillRow(card.rows[index], wave, index + 1, isRunning && index + 1 === rollout.wave);
    });
  }

  label(verb, rollout) {
    if (verb === "approve") return `Approve wave ${rollout.wave}`;
    return verb === "abort" && rollout.phase === "returning" ? "Return at once" : labels[verb];
  }

  fillRow(row, wave, number, isCurrent) {
    put(row.head, String(number));
    put(row.scope, wave.scope);
    if (isCurrent) row.root.setAttribute("aria-current", "step");
    else row.root.removeAttribute("aria-current");
    for (const field of fields) {
      const isBad = field === "failed" || field === "unhealthy";
      putCount(row.cells[field], wave.hosts[field], isBad);
    }
    put(row.gates, wave.gates.join(", "));
    const { hosts, staged, active, failed } = wave.hosts;
    [staged, active, failed].forEach((value, index) => {
      row.parts[index].style.setProperty("--part", hosts > 0 ? value / hosts : 0);
    });
    const text = `${count(active)} of ${count(hosts)} active, ${count(staged)} staged`;
    if (row.track.title !== text) {
      row.track.title = text;
      row.track.setAttribute("aria-label", text);
    }
  }
}
