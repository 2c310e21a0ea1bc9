// Reads AsyncAPI documents from stdin, a JSON array of texts, and says what the parser makes of each.
// The argument is where the parser is installed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Parser } = createRequire(`${process.argv[2]}/`)("@asyncapi/parser");
const verdicts = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  const { document, diagnostics } = await new Parser().parse(text);
  verdicts.push({
    valid: document !== undefined,
    channels: document?.channels().all().map((channel) => channel.address()) ?? [],
    messages: document?.allMessages().all().length ?? 0,
    problems: diagnostics.map((each) => ({ code: each.code, message: each.message, path: each.path.join(".") })),
  });
}
console.log(JSON.stringify(verdicts));
