// Marks an avatar "No AI", on this device alone: nothing here sends anything.
//
// A design is a list of marks in a square of 512: paths (SVG path data) and lines of text. The same list is drawn on
// the canvas and written as SVG, so the preview and both downloads show one thing.

const SIDE = 512;
const FONT = 'system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
const CIRCLE = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
const PILL = (x, y, w, h) =>
  `M${x + h / 2} ${y}h${w - h}a${h / 2} ${h / 2} 0 0 1 0 ${h}h${h - w}a${h / 2} ${h / 2} 0 0 1 0 ${-h}Z`;
// A sparkle of four points, as generators of pictures like to be shown.
function SPARK(at, r) {
  const [n, m] = [Math.round(r * 0.15), Math.round(r * 0.5)];
  return (
    `M${at} ${at - r}C${at + n} ${at - m} ${at + m} ${at - n} ${at + r} ${at}` +
    `C${at + m} ${at + n} ${at + n} ${at + m} ${at} ${at + r}` +
    `C${at - n} ${at + m} ${at - m} ${at + n} ${at - r} ${at}` +
    `C${at - m} ${at - n} ${at - n} ${at - m} ${at} ${at - r}Z`
  );
}

const text = (words, x, y, size, most, fill, turn = 0) => ({ words, x, y, size, most, fill, turn });

// In a round picture a mark moves inwards, so that the circle cuts nothing of it that is to be read.
export const DESIGNS = {
  bar: (words, ground, ink, round) => {
    const [top, line, most] = round ? [364, 424, 310] : [388, 446, 400];
    return [{ d: `M0 ${top}H512V512H0Z`, fill: ground }, text(words, 256, line, 84, most, ink)];
  },
  ring: (words, ground, ink) => [
    { d: CIRCLE(256, 256, 240), stroke: ground, width: 32 },
    { d: PILL(86, 404, 340, 92), fill: ground },
    text(words, 256, 451, 60, 280, ink),
  ],
  band: (words, ground, ink, round) => {
    // Its middle line is x + y = 2 * at. In a round picture nothing would be left below it but a sliver.
    const [d, at] = round ? ["M512 185V512H185Z", 390] : ["M512 225V391L391 512H225Z", 410];
    return [{ d, fill: ground }, text(words, at, at, 70, 210, ink, -45)];
  },
  corner: (words, ground, ink, round) => {
    const [at, r] = round ? [361, 100] : [382, 118];
    return [
      { d: CIRCLE(at, at, r), fill: ground, stroke: ink, width: 10 },
      text(words, at, at + 2, 72, 1.5 * r - 1, ink),
    ];
  },
  spark: (_words, ground, ink, round) => {
    const [at, r] = round ? [364, 92] : [392, 108];
    const [reach, slash] = [Math.round(0.85 * r), Math.round(0.7 * r)];
    const d = `M${at - slash} ${at + slash}L${at + slash} ${at - slash}`;
    const disc = CIRCLE(at, at, r);
    return [
      { d: disc, fill: ink },
      { d: SPARK(at, reach), fill: ground },
      { d, stroke: ink, width: 38 }, // a gap: the stroke has the sparkle's colour, whichever that is
      { d, stroke: ground, width: 18 },
      { d: disc, stroke: ground, width: 22 },
    ];
  },
};

/** The size at which a line fits its place: `measure(size)` gives its width at a size. */
const fitted = (mark, measure) => Math.floor(mark.size * Math.min(1, mark.most / measure(mark.size)));

const font = (size) => `700 ${size}px ${FONT}`;

function width(context, mark) {
  return (size) => {
    context.font = font(size);
    return context.measureText(mark.words).width;
  };
}

/** Draw a design onto a 2D context whose square is `side` wide. */
export function draw(context, marks, side) {
  context.save();
  context.scale(side / SIDE, side / SIDE);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const mark of marks) {
    if (mark.words !== undefined) {
      context.save();
      context.translate(mark.x, mark.y);
      context.rotate((mark.turn * Math.PI) / 180);
      context.font = font(fitted(mark, width(context, mark)));
      context.fillStyle = mark.fill;
      context.fillText(mark.words, 0, 0);
      context.restore();
      continue;
    }
    const path = new Path2D(mark.d);
    if (mark.fill) {
      context.fillStyle = mark.fill;
      context.fill(path);
    }
    if (mark.stroke) {
      context.strokeStyle = mark.stroke;
      context.lineWidth = mark.width;
      context.stroke(path);
    }
  }
  context.restore();
}

const escaped = (words) =>
  words.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

/** A design as an SVG document with nothing behind it. */
export function svg(marks) {
  const context = document.createElement("canvas").getContext("2d");
  const parts = marks.map((mark) => {
    if (mark.words !== undefined) {
      const size = fitted(mark, width(context, mark));
      return `<text transform="translate(${mark.x} ${mark.y}) rotate(${mark.turn})" text-anchor="middle" dominant-baseline="central" font-weight="700" font-size="${size}" font-family='${FONT}' fill="${mark.fill}">${escaped(mark.words)}</text>`;
    }
    const stroke = mark.stroke ? ` stroke="${mark.stroke}" stroke-width="${mark.width}"` : "";
    return `<path d="${mark.d}" fill="${mark.fill ?? "none"}"${stroke}/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}">${parts.join("")}</svg>`;
}

const form = document.getElementById("avatar");
if (form) start(form);

function start(form) {
  const canvas = document.getElementById("preview");
  const alarm = document.getElementById("alarm");
  const part = document.getElementById("part");
  const preview = canvas.getAttribute("aria-label");
  let picture = null;

  const round = () => form.shape.value === "round";
  const chosen = () => {
    const [ground, ink] = form.colour.value.split(" ");
    return DESIGNS[form.design.value](form.words.value, ground, ink, round());
  };

  function paint() {
    const side = Number(form.size.value);
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    if (round()) {
      context.beginPath();
      context.arc(side / 2, side / 2, side / 2, 0, 2 * Math.PI);
      context.clip();
    }
    if (picture) {
      // The smaller side fills the square; the sliders choose what of it is seen.
      const scale = (side / Math.min(picture.width, picture.height)) * Number(form.zoom.value);
      const [wide, tall] = [picture.width * scale, picture.height * scale];
      const left = ((side - wide) * (1 + Number(form.across.value))) / 2;
      const top = ((side - tall) * (1 + Number(form.down.value))) / 2;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, left, top, wide, tall);
    }
    draw(context, chosen(), side);
    const name = form.querySelector("[name=design]:checked").labels[0].textContent.trim();
    canvas.setAttribute("aria-label", `${preview}: ${name}, ${form.words.value}`);
  }

  async function load() {
    const [file] = form.picture.files;
    const read = file ? await bitmap(file) : null;
    if (form.picture.files[0] !== file) return; // another one was chosen meanwhile
    const broken = file !== undefined && read === null;
    picture?.close();
    picture = read;
    alarm.hidden = !broken;
    part.hidden = !picture;
    form.picture.setAttribute("aria-invalid", String(broken));
    if (broken) form.picture.focus();
    paint();
  }

  /** The file as it is to be seen: turned as its EXIF says. Null: no picture, or one that is broken. */
  const bitmap = (file) => createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  form.picture.addEventListener("change", load);
  form.addEventListener("input", paint);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    canvas.toBlob((blob) => save(blob, "no-ai-avatar.png"), "image/png");
  });
  document.getElementById("svg").addEventListener("click", () => {
    save(new Blob([svg(chosen())], { type: "image/svg+xml" }), "no-ai-mark.svg");
  });
  form.hidden = false;
  paint();
}
