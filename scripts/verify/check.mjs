// Verifies what was signed for @octokit/webhooks, and the same with one bit altered.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [tools, work] = process.argv.slice(2);
const folder = `${tools}/node_modules/@octokit/webhooks`;
const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
const entry = about.exports["."].import ?? about.exports["."].default;
const { Webhooks } = await import(pathToFileURL(`${folder}/${entry}`).href);
const webhooks = new Webhooks({ secret: "It's a Sécret to Everybody" });

/** One bit of one ASCII character; one character more where there is none. */
function altered(body) {
  for (let place = body.length >> 1; place < body.length; place += 1) {
    const code = body.charCodeAt(place);
    if (code < 0x80) {
      return body.slice(0, place) + String.fromCharCode(code ^ 1) + body.slice(place + 1);
    }
  }
  return `${body}x`;
}

let count = 0;
for (const line of readFileSync(`${work}/github.ndjson`, "utf8").split("\n").slice(0, -1)) {
  const { headers, body } = JSON.parse(line).request;
  const signature = headers.find(([name]) => name === "X-Hub-Signature-256")[1];
  // The library calls an empty body a mistake of whoever calls it.
  if (body.text !== "") {
    assert(await webhooks.verify(body.text, signature), `refused: ${body.text.slice(0, 80)}`);
  }
  assert(!(await webhooks.verify(altered(body.text), signature)), "an altered bit is taken");
  count += 1;
}
assert.equal(count, 1000);
console.log(`@octokit/webhooks ${about.version}: ${count} bodies`);
