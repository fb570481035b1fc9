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
const SPARK = "M392 300C398 360 424 386 484 392C424 398 398 424 392 484C386 424 360 398 300 392C360 386 386 360 392 300Z";

const text = (words, x, y, size, most, fill, turn = 0) => ({ words, x, y, size, most, fill, turn });

export const DESIGNS = {
  bar: (words, ground, ink) => [
    { d: "M0 388H512V512H0Z", fill: ground },
    text(words, 256, 446, 84, 400, ink),
  ],
  ring: (words, ground, ink) => [
    { d: CIRCLE(256, 256, 240), stroke: ground, width: 32 },
    { d: PILL(86, 404, 340, 92), fill: ground },
    text(words, 256, 451, 60, 280, ink),
  ],
  band: (words, ground, ink) => [
    { d: "M512 226V392L392 512H226Z", fill: ground },
    text(words, 381, 381, 70, 220, ink, -45),
  ],
  corner: (words, ground, ink) => [
    { d: CIRCLE(382, 382, 118), fill: ground, stroke: ink, width: 10 },
    text(words, 382, 384, 72, 176, ink),
  ],
  spark: (_words, ground, ink) => [
    { d: CIRCLE(392, 392, 108), fill: ink, stroke: ground, width: 22 },
    { d: SPARK, fill: "#3a3f4a" },
    { d: "M316 468L468 316", stroke: ground, width: 22 },
  ],
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
  let picture = null;

  const chosen = () => {
    const [ground, ink] = form.colour.value.split(" ");
    return DESIGNS[form.design.value](form.words.value, ground, ink);
  };

  function paint() {
    const side = Number(form.size.value);
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    if (form.shape.value === "round") {
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
  }

  async function load() {
    alarm.hidden = true;
    const [file] = form.picture.files;
    picture = null;
    if (file) {
      try {
        picture = await createImageBitmap(file);
      } catch {
        alarm.hidden = false;
        form.picture.focus();
      }
    }
    paint();
  }

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
