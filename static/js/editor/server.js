// Talking to the server. Every request ends in an Answer or in one of the named troubles; nothing else is thrown.

const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "";
const PATIENCE = 15_000; // milliseconds until a silent server counts as away

export class Trouble extends Error {
  /** `kind`: offline, server, signed-out, held, conflict, refused. */
  constructor(kind, body = {}) {
    super(body.message ?? kind);
    this.kind = kind;
    this.body = body;
  }
}

const KINDS = { 400: "refused", 401: "signed-out", 403: "signed-out", 404: "refused", 409: "conflict", 413: "refused", 423: "held" };

export async function post(url, fields = {}) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      body: new URLSearchParams(fields),
      // Read at each request: signing in again in another tab changes it.
      headers: { "X-CSRFToken": csrf(), Accept: "application/json" },
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new Trouble("offline");
  }
  const isJson = response.headers.get("Content-Type")?.includes("json");
  let body = {};
  try {
    if (isJson) body = await response.json();
  } catch {
    throw new Trouble("offline");
  }
  if (response.ok && isJson) return body;
  throw new Trouble(KINDS[response.status] ?? "server", body);
}

/** Sent while the page is being left; nobody waits for the answer. */
export function beacon(url, fields) {
  navigator.sendBeacon(url, new URLSearchParams({ ...fields, csrfmiddlewaretoken: csrf() }));
}
