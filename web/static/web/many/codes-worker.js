/* Takes the codes of one file after another, away from the page's own thread: each is a second of work. */

import { codesOfFile } from "../codes.js";

onmessage = async ({ data: file }) => {
  try {
    postMessage({ codes: await codesOfFile(file) });
  } catch {
    postMessage({ unreadable: true });
  }
};
