// Sends files by tus, several at a time. A connection that fails is waited for, however long it is away: what the
// server has acknowledged is not sent again, and no file is given up for it.

const PARALLEL = 4;
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30000;
const BUSY_PAUSE = 3000;
const MOST_TRIES = 5; // of one file, for faults that are the file's own

export class Sender {
  // told: settled(item), refused(item, {code, message, again}), halted(message), changed()
  constructor({ pieceBytes, csrf, text, told }) {
    Object.assign(this, { pieceBytes, csrf, text, told });
    this.endpoint = null;
    this.waiting = [];
    this.active = new Map(); // item -> tus.Upload
    this.paused = false;
    this.away = null; // {until, message} while the server cannot be reached
    this.pause = FIRST_PAUSE;
    this.timer = 0;
    this.delayed = 0;
  }

  get left() {
    return this.active.size + this.waiting.length + this.delayed;
  }

  get flying() {
    let bytes = 0;
    for (const item of this.active.keys()) bytes += item.loaded;
    return bytes;
  }

  add(items) {
    for (const item of items) this.waiting.push(item);
    this.pump();
  }

  pump() {
    // After a failure one file goes ahead and shows whether the others can follow.
    const most = this.pause > FIRST_PAUSE ? 1 : PARALLEL;
    while (!this.paused && !this.away && this.endpoint && this.waiting.length && this.active.size < most) this.#send(this.waiting.shift());
    this.told.changed();
  }

  hold() {
    this.paused = true;
    // Small files are let arrive; of large ones the server keeps what has come.
    for (const [item, upload] of [...this.active]) if (item.file.size > this.pieceBytes) this.#takeBack(item, upload);
    this.told.changed();
  }

  resume() {
    this.paused = false;
    this.#back();
  }

  cancel() {
    this.waiting.length = 0;
    for (const upload of this.active.values()) upload.abort(true).catch(() => {}); // the server drops what has come
    this.active.clear();
    this.#back();
  }

  #takeBack(item, upload) {
    upload.abort().catch(() => {});
    this.active.delete(item);
    this.waiting.unshift(item);
  }

  #back() {
    clearTimeout(this.timer);
    this.away = null;
    this.pause = FIRST_PAUSE;
    this.pump();
  }

  #send(item) {
    const upload = new window.tus.Upload(item.file, {
      endpoint: this.endpoint,
      uploadUrl: item.url,
      chunkSize: this.pieceBytes,
      uploadDataDuringCreation: true,
      retryDelays: null,
      storeFingerprintForResuming: false,
      metadata: { relativePath: item.path, modified: String(item.file.lastModified) },
      onBeforeRequest: (request) => request.setHeader("X-CSRFToken", this.csrf()),
      onAfterResponse: (_request, response) => {
        item.state = response.getHeader("Longhand-State") ?? "";
      },
      onUploadUrlAvailable: () => {
        item.url = upload.url;
      },
      onProgress: (bytes) => {
        item.loaded = bytes;
        this.told.changed();
      },
      onSuccess: () => this.#settled(item),
      onError: (error) => this.#failed(item, upload, error),
    });
    item.loaded = 0;
    this.active.set(item, upload);
    upload.start();
  }

  #settled(item) {
    if (!this.active.delete(item)) return; // cancelled meanwhile
    this.pause = FIRST_PAUSE;
    this.told.settled(item);
    this.pump();
  }

  #failed(item, upload, error) {
    if (this.active.get(item) !== upload) return;
    this.active.delete(item);
    const response = error.originalResponse;
    const status = response?.getStatus() ?? 0;
    const said = parsed(response?.getBody());
    if (status === 0 || status === 502 || status === 503 || status === 504) this.#wait(item, this.text.network);
    else if (status === 507) this.#wait(item, said.message || this.text.server, LONGEST_PAUSE);
    else if (status === 401 || status === 403) this.#halt(item, this.text.loggedOut);
    else if (status === 423) this.#later(item, BUSY_PAUSE);
    else if ((status === 404 || status === 409 || status === 410 || status >= 500) && ++item.tries < MOST_TRIES) {
      if (status === 404 || status === 410) item.url = null; // what had come of it was dropped meanwhile
      this.#later(item, FIRST_PAUSE * item.tries);
    } else this.told.refused(item, { code: said.code || "server", message: said.message || this.text.server, again: true });
    this.pump();
  }

  #later(item, milliseconds) {
    this.delayed += 1;
    setTimeout(() => {
      this.delayed -= 1;
      this.waiting.unshift(item);
      this.pump();
    }, milliseconds);
  }

  #wait(item, message, pause = this.pause) {
    this.waiting.unshift(item);
    if (this.away) return;
    this.away = { message, until: Date.now() + pause };
    this.pause = Math.min(pause * 2, LONGEST_PAUSE);
    this.timer = setTimeout(() => {
      this.away = null;
      this.pump();
    }, pause);
  }

  #halt(item, message) {
    this.waiting.unshift(item);
    this.paused = true;
    this.told.halted(message);
  }
}

const parsed = (body) => {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return {}; // the error page of a proxy
  }
};
