// What an operator tells a rollout, by the same requests as `shoal rollout`. The token is asked for
// when the tracker wants one, and is forgotten with the tab.

import { ask, find, put, show } from "./text.js";

const tokenKey = "shoal.token";

const questions = {
  approve: (r) => `Wave ${r.wave} of ${r.channel} is approved, and the rollout goes on.`,
  pause: (r) => `Nobody else of ${r.channel} is switched until it is resumed; fetching goes on.`,
  resume: (r) => `The rollout on ${r.channel} goes on; hosts that failed are tried once more.`,
  abort: (r) => `The hosts of ${r.channel} return to ${r.previous ?? "what they serve"}. `
    + "This cannot be undone.",
  rollback: (r) => `The hosts of ${r.channel} return to ${r.previous}. This cannot be undone.`,
};

export class Commands {
  constructor() {
    this.requiresToken = false;
    this.dialog = find("ask");
    find("ask-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    find("ask-cancel").addEventListener("click", () => this.dialog.close());
    find("token").addEventListener("click", () => this.askToken());
  }

  get token() {
    return sessionStorage.getItem(tokenKey) ?? "";
  }

  update(requiresToken) {
    this.requiresToken = requiresToken;
    show(find("token"), requiresToken);
    put(find("token"), this.token ? "Change token" : "Give token");
  }

  askToken() {
    this.begin(null, null, "Token");
    put(find("ask-text"), "Changes to rollouts need the tracker's token.");
    show(find("ask-token-row"), true);
    find("ask-token").focus();
  }

  /** Asks whether it is meant. */
  open(verb, rollout, label) {
    this.begin(verb, rollout, label);
    put(find("ask-text"), questions[verb](rollout));
    const isReturn = verb === "abort" || verb === "rollback";
    show(find("ask-reason-row"), isReturn || verb === "pause");
    show(find("ask-once-row"), isReturn);
    find("ask-once").checked = rollout.phase === "returning";
    show(find("ask-token-row"), this.requiresToken && !this.token);
  }

  begin(verb, rollout, label) {
    Object.assign(this, { verb, rollout });
    put(find("ask-title"), rollout ? `${label}: rollout ${rollout.id}` : label);
    put(find("ask-do"), rollout ? label : "Keep");
    for (const id of ["ask-reason-row", "ask-once-row", "ask-error"]) show(find(id), false);
    find("ask-reason").value = find("ask-token").value = "";
    // Of this intention: however often it is sent, it is carried out once.
    this.key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    find("ask-do").disabled = false;
    this.dialog.showModal();
  }

  body() {
    const { verb, rollout } = this;
    const body = { key: this.key };
    if (verb === "approve") body.wave = rollout.wave;
    // An abort, and a pause, hold whatever has changed meanwhile.
    if (verb === "resume") body.ifRevision = rollout.revision;
    if (verb === "abort" || verb === "rollback") body.atOnce = find("ask-once").checked;
    const reason = find("ask-reason").value.trim();
    if (reason) body.reason = reason;
    return body;
  }

  async send() {
    const given = find("ask-token").value;
    if (given) sessionStorage.setItem(tokenKey, given);
    this.update(this.requiresToken);
    if (!this.rollout) return this.dialog.close();
    const headers = { "content-type": "application/json" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    find("ask-do").disabled = true;
    try {
      await ask(`api/v1/rollouts/${this.rollout.id}/${this.verb}`, {
        method: "POST",
        headers,
        body: JSON.stringify(this.body()),
      });
      this.dialog.close();
    } catch (error) {
      this.refused(error);
    } finally {
      find("ask-do").disabled = false;
    }
  }

  refused(error) {
    const isUnknown = error.status === 401;
    if (isUnknown) {
      sessionStorage.removeItem(tokenKey);
      this.update(true);
      show(find("ask-token-row"), true);
      find("ask-token").focus();
    }
    const wasGiven = find("ask-token").value !== "";
    const why = !isUnknown ? error.message
      : wasGiven ? "The tracker refused: this is not its token." : "The tracker wants its token.";
    put(find("ask-error"), why);
    show(find("ask-error"), true);
  }
}
