/*
 * The two codes of a whole picture, taken in the browser: `phash-256` and `pdq-256` as the registry takes them.
 *
 * Sources, followed operation by operation:
 * - Pillow 12, src/libImaging/Resample.c (Lanczos with antialiasing, 8 bits a channel: coefficients in 22 bits, rows
 *   rounded before columns) and Convert.c (L of RGB); Reduce.c is not needed, since one Lanczos does all of it here;
 * - imagehash 4.3, `phash` with hash_size 16: 64 x 64 grey, two DCT-II of scipy.fftpack, the 16 x 16 lowest
 *   frequencies, each above their median or not;
 * - facebook/ThreatExchange pdq/ (hashing.pdf), as holdout/fingerprints/pdq.py reads it.
 *
 * Given the same pixels the codes are the registry's. The pixels differ a little: the browser's own JPEG decoder,
 * colour profiles, and for large pictures the registry's working copy. tests/browser/test_codes.py measures it.
 */

/**
 * Of RGBA pixels, opaque, as `getImageData` gives them: `{ phash, pdq }` in hexadecimal digits, or null where codes
 * would say nothing: holdout/fingerprints/quality.py has why, and `text_only` besides, which is not asked here.
 */
export function codesOf({ data, width, height }) {
  if (Math.min(width, height) < MIN_SIDE) return null;
  const small = grey(data, width, height);
  return isFlat(small) ? null : { phash: phash(small), pdq: pdq(data, width, height), width, height };
}

/** The same of a file that this browser can decode: upright, on white, whatever colour profile it carries. */
export async function codesOfFile(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(picture.width, picture.height); // workers have no document
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  picture.close();
  return codesOf(context.getImageData(0, 0, canvas.width, canvas.height));
}

/* --- phash ---------------------------------------------------------------------------------------- */

const GREY = 64;
const LOWEST = 16;

/** The picture in 64 x 64 grey pixels. */
function grey(data, width, height) {
  const whole = new Uint8Array(width * height);
  for (let i = 0; i < whole.length; i++) {
    whole[i] = (data[4 * i] * 19595 + data[4 * i + 1] * 38470 + data[4 * i + 2] * 7471 + 0x8000) >> 16;
  }
  return resized(whole, width, height, GREY, GREY, lanczos, 3);
}

function phash(small) {
  // Down, then across; the scale of scipy's DCT is the same for all, and only the order counts.
  const basis = cosines(GREY, 0, LOWEST);
  const frequencies = product(product(basis, LOWEST, GREY, small, GREY), LOWEST, GREY, transposed(basis, LOWEST, GREY), LOWEST);
  const half = median([...frequencies]);
  return hex([...frequencies].map((value) => value > half));
}

/** As numpy takes it. */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const lanczos = (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0);
const box = (x) => (x > -0.5 && x <= 0.5 ? 1 : 0);

/** Pillow's resize of one channel. Only what is larger than asked in a direction is filtered in it. */
function resized(pixels, width, height, toWidth, toHeight, filter, support) {
  const across = toWidth === width ? pixels : alongRows(pixels, width, height, toWidth, filter, support);
  if (toHeight === height) return across;
  const turned = alongRows(turn(across, toWidth, height), height, toWidth, toHeight, filter, support);
  return turn(turned, toHeight, toWidth);
}

const PRECISION = 22;

function alongRows(pixels, width, height, toWidth, filter, support) {
  const taps = weights(width, toWidth, filter, support);
  const made = new Uint8Array(toWidth * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < toWidth; x++) {
      const { first, weight } = taps[x];
      let sum = 2 ** (PRECISION - 1);
      for (let i = 0; i < weight.length; i++) sum += pixels[y * width + first + i] * weight[i];
      made[y * toWidth + x] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** PRECISION)));
    }
  }
  return made;
}

function weights(size, toSize, filter, support) {
  const scale = size / toSize;
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  return Array.from({ length: toSize }, (_, x) => {
    const centre = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(size, Math.trunc(centre + reach + 0.5));
    const plain = Array.from({ length: last - first }, (__, i) => filter((i + first - centre + 0.5) / stretch));
    const sum = plain.reduce((a, b) => a + b, 0);
    const rounded = plain.map((w) => (w / sum) * 2 ** PRECISION).map((w) => Math.trunc(w < 0 ? w - 0.5 : w + 0.5));
    return { first, weight: rounded };
  });
}

function turn(pixels, width, height) {
  const turned = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) turned[x * height + y] = pixels[y * width + x];
  return turned;
}

/* --- quality: holdout/fingerprints/quality.py, figure for figure ------------------------------------ */

const MIN_SIDE = 32;
const [MIN_DETAIL, MIN_SHARE, STRONG, FAINT, LEAST_FALL, MOST_FALL] = [2.5, 0.08, 12, 6, 1.3, 4];

function isFlat(small) {
  const basis = cosines(GREY, 0, GREY).map((value, i) => value * Math.sqrt((i < GREY ? 1 : 2) / GREY));
  const strength = product(product(basis, GREY, GREY, small, GREY), GREY, GREY, transposed(basis, GREY, GREY), GREY).map(Math.abs);
  const [detail, fine, shade] = [[], [], []];
  strength.forEach((value, i) => {
    const [y, x] = [Math.floor(i / GREY), i % GREY];
    const radius = Math.hypot(x, y);
    if (radius > 0 && radius < 4) shade.push(value);
    if (radius >= 4 && Math.max(x, y) < LOWEST) detail.push(value);
    if (radius >= 18 && radius < 30) fine.push(value);
  });
  const energy = (values) => values.reduce((sum, value) => sum + value * value, 0);
  const typical = median(detail);
  if (typical >= STRONG) return false;
  if (typical < MIN_DETAIL || energy(detail) < MIN_SHARE * (energy(detail) + energy(shade))) return true;
  const finest = median(fine);
  return typical < FAINT && !(LEAST_FALL * finest <= typical && typical <= MOST_FALL * finest);
}

/* --- pdq ------------------------------------------------------------------------------------------ */

const MOST = 512;
const SAMPLES = 64;

function pdq(data, width, height) {
  const large = Math.max(width, height) > MOST;
  const [w, h] = large ? [MOST, MOST] : [width, height];
  const luma = new Float64Array(w * h);
  [0.299, 0.587, 0.114].forEach((share, channel) => {
    const plane = new Uint8Array(width * height);
    for (let i = 0; i < plane.length; i++) plane[i] = data[4 * i + channel];
    const seen = large ? resized(plane, width, height, w, h, box, 0.5) : plane;
    for (let i = 0; i < luma.length; i++) luma[i] += share * seen[i];
  });
  const columns = product(luma, h, w, transposed(sampling(w), SAMPLES, w), SAMPLES);
  const samples = product(sampling(h), SAMPLES, h, columns, SAMPLES);
  const basis = cosines(SAMPLES, 1, LOWEST);
  const frequencies = product(product(basis, LOWEST, SAMPLES, samples, SAMPLES), LOWEST, SAMPLES, transposed(basis, LOWEST, SAMPLES), LOWEST);
  const lower = [...frequencies].sort((a, b) => a - b)[127]; // of the two in the middle, as the reference takes
  return hex([...frequencies].reverse().map((value) => value > lower));
}

/** Two passes of the reference's box filter along `length` pixels, and 64 samples of it: (64, length). */
function sampling(length) {
  const window = Math.ceil(length / (2 * SAMPLES));
  const ahead = Math.floor((window + 2) / 2) - 1;
  const ends = (at) => [Math.max(0, at - (window - 1 - ahead)), Math.min(length - 1, at + ahead)];
  const matrix = new Float64Array(SAMPLES * length);
  for (let sample = 0; sample < SAMPLES; sample++) {
    const [first, last] = ends(Math.floor(((sample + 0.5) * length) / SAMPLES));
    for (let at = first; at <= last; at++) {
      const [from, to] = ends(at);
      const share = 1 / (last - first + 1) / (to - from + 1);
      for (let pixel = from; pixel <= to; pixel++) matrix[sample * length + pixel] += share;
    }
  }
  return matrix;
}

/* --- both ----------------------------------------------------------------------------------------- */

/** Rows `from` to `from + count` of a DCT-II of `size` samples. */
function cosines(size, from, count) {
  const basis = new Float64Array(count * size);
  for (let k = 0; k < count; k++) {
    for (let n = 0; n < size; n++) basis[k * size + n] = Math.cos((Math.PI / (2 * size)) * (k + from) * (2 * n + 1));
  }
  return basis;
}

/** (rows, inner) times (inner, columns). */
function product(left, rows, inner, right, columns) {
  const made = new Float64Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    for (let i = 0; i < inner; i++) {
      const value = left[y * inner + i];
      if (value === 0) continue;
      for (let x = 0; x < columns; x++) made[y * columns + x] += value * right[i * columns + x];
    }
  }
  return made;
}

function transposed(matrix, rows, columns) {
  const made = new Float64Array(matrix.length);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) made[x * rows + y] = matrix[y * columns + x];
  return made;
}

function hex(bits) {
  let text = "";
  for (let i = 0; i < bits.length; i += 4) text += bits.slice(i, i + 4).reduce((n, bit) => 2 * n + bit, 0).toString(16);
  return text;
}
