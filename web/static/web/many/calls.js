/* Asking the registry, patiently: what is away for a moment is asked again, and later each time. */

const TRIES = 6;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const TIMEOUT_MS = 180_000;
const LATER = new Set([429, 502, 503, 504]);

/** The registry says no, with a code and a sentence for people. */
export class Refused extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

/** The registry could not be reached, or kept saying "later". */
export class Away extends Error {}

/** Nobody is signed in any more, or as somebody else. */
export class SignedOut extends Error {}

/**
 * POST, and what comes back as JSON. `mayGo` is awaited before every try; `sent` is told how many bytes arrived.
 * Throws `Refused`, `Away` or `SignedOut`.
 */
export async function post(url, { body, headers, size, mayGo, sent }) {
  for (let tried = 1; ; tried++) {
    await mayGo();
    const answer = await once(url, body, headers);
    if (answer) sent(size);
    if (answer?.ok) return answer.json();
    if (answer && !LATER.has(answer.status)) throw await refusal(answer);
    if (tried === TRIES) throw new Away();
    await new Promise((done) => setTimeout(done, waitFor(answer, tried)));
  }
}

async function once(url, body, headers) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return await fetch(url, { method: "POST", body, headers, credentials: "same-origin", signal });
  } catch {
    return null; // no connection, or none that lasted
  }
}

/** At least what the registry asks for; the doubling is spread so that three senders do not come back as one. */
function waitFor(answer, tried) {
  const asked = Number(answer?.headers.get("Retry-After")) * 1_000 || 0;
  const own = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tried - 1)) * (0.5 + Math.random() / 2);
  return Math.max(asked, own);
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => null);
  // 403 without a code: the form's token belongs to a session that is over.
  if (answer.status === 401 || (answer.status === 403 && !problem?.code)) return new SignedOut();
  return new Refused(problem?.code ?? "odd", problem?.detail ?? "");
}
