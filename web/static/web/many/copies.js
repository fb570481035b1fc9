/* A file's digest, and what is sent of it: a smaller copy, or its codes alone. */

const SIDE = 1024;
const PIXELS = 8_000_000;
const SMALL_BYTES = 200_000;
const QUALITY = 0.9;
/** What the registry decodes. */
const SENDABLE = new Set(["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"]);

/** The SHA-256 of a file, in hexadecimal digits. */
export async function sha256(file) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What the registry would work with of a picture of that size, as holdout/fingerprints/working_copy.py has it: at
 * most 1,024 pixels of what is looked at at once. Of a strip that is a window, so a long comic stays legible.
 */
export function copySize(width, height) {
  const [short, long] = width < height ? [width, height] : [height, width];
  const pane = long > 2 * short ? 1.5 * short : long;
  const scale = Math.max(1, pane / SIDE, Math.sqrt((width * height) / PIXELS));
  return [Math.max(1, Math.round(width / scale)), Math.max(1, Math.round(height / scale))];
}

/**
 * An upright JPEG of `copySize`, on white; the file itself where it is small enough already. Throws what
 * createImageBitmap throws for what this browser cannot decode. One at a time, whoever asks: three decoded
 * photographs are more than some phones have room for.
 */
export function smallerCopy(file) {
  const copy = last.then(() => copied(file));
  last = copy.catch(() => null);
  return copy;
}

let last = Promise.resolve();

async function copied(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    const [width, height] = copySize(picture.width, picture.height);
    const whole = width === picture.width && height === picture.height;
    if (whole && file.size < SMALL_BYTES && SENDABLE.has(file.type)) return file;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", { alpha: false });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, width, height);
    return await new Promise((done, failed) =>
      canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no copy"))), "image/jpeg", QUALITY),
    );
  } finally {
    picture.close();
  }
}

/**
 * The codes of the whole picture, null where they would say nothing; throws for what this browser cannot decode. One
 * at a time, by a worker at `address`.
 */
export function codes(file, address) {
  const found = last.then(() => asked(file, address));
  last = found.catch(() => null);
  return found;
}

let worker;

function asked(file, address) {
  worker ??= new Worker(address, { type: "module" });
  return new Promise((done, failed) => {
    worker.onmessage = ({ data }) => (data.unreadable ? failed(new Error("unreadable")) : done(data.codes));
    worker.onerror = () => failed(new Error("no worker"));
    worker.postMessage(file);
  });
}
