/* Which files a person means: from an input, or dropped with folders in them. */

const PICTURE_NAMES = /\.(jpe?g|jfif|png|gif|webp|avif|bmp)$/i;
const RAW_NAMES = /\.(cr2|cr3|nef|arw|raf|orf|rw2|dng)$/i;
const HEIC_BRANDS = new Set(["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"]);

/** Every file of a drop, those in folders too, whatever they are. Call it while the event is handled. */
export async function filesOf(transfer) {
  // The entries are gone once the event's handler has returned.
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return (await Promise.all(entries.filter(Boolean).map(filesIn))).flat();
}

async function filesIn(entry) {
  if (entry instanceof File) return [entry];
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader();
  const found = [];
  // It gives a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    found.push(...some);
  }
  // One folder after the other: a hundred thousand files must not be opened at once.
  const files = [];
  for (const inner of found) files.push(...(await filesIn(inner)));
  return files;
}

/**
 * What a file is, by its first bytes: "picture", a program's own format of which `words.export` speaks, or "other".
 * "unknown" is what only its name calls a picture.
 */
export async function kindOf(file) {
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (RAW_NAMES.test(file.name)) return "raw";
  if (text.startsWith("8BPS")) return "psd";
  if (text.startsWith("CSFCHUNK")) return "clip";
  if (text.startsWith("%PDF")) return "pdf";
  if (text.startsWith("II*\0") || text.startsWith("MM\0*")) return "tiff";
  if (text.slice(4, 8) === "ftyp") {
    const brand = text.slice(8, 12);
    if (HEIC_BRANDS.has(brand) && !/\.avif$/i.test(file.name)) return "heic";
    if (brand === "avif" || brand === "avis" || /\.avif$/i.test(file.name)) return "picture";
  }
  if (/\.procreate$/i.test(file.name)) return "procreate";
  if (/\.kra$/i.test(file.name)) return "kra";
  if (/\.svgz?$/i.test(file.name)) return "svg";
  if (isPicture(text)) return "picture";
  return PICTURE_NAMES.test(file.name) || file.type.startsWith("image/") ? "unknown" : "other";
}

function isPicture(text) {
  return (
    text.startsWith("\xff\xd8\xff") ||
    text.startsWith("\x89PNG") ||
    text.startsWith("GIF8") ||
    text.startsWith("BM") ||
    (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP")
  );
}
