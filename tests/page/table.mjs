// Writes an item table as large as a published study, and hard in its corners: fourteen checkpoints of seven families in three
// languages, one family in one language only, one checkpoint with low compliance, a condition of few scenarios, long names.
//
//   node table.mjs ITEMS.csv SETTINGS.toml
import { writeFileSync } from "node:fs";

const [items, settings] = process.argv.slice(2);
let state = 20260101;
const noise = () => {
  // Numerical Recipes' generator: the same table on every machine.
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const countries = ["Australia", "Canada", "China", "France", "Indonesia", "Japan", "USA", "Venezuela"];
const types = ["airspace", "border", "cyber", "espionage", "humanitarian", "internal_affairs", "maritime", "nuclear", "proxy", "sovereignty", "strike", "tech_war", "trade"];
const families = [["mistral", "France"], ["llama", "USA"], ["gemma", "USA"], ["qwen", "China"], ["baichuan", "China"], ["yi", "China"], ["a family with quite a long name", "China"]];
const rows = ["model,language,condition,country_1,country_2,scenario,scenario_type,question,diff_fwd,diff_rev,bias,compliance"];
let toml = "[analysis]\ntarget = 'China'\n";
families.forEach(([family, home], f) => {
  toml += `[[family]]\nname = '${family}'\nmaker = 'Maker ${f} & Sons'\nmaker_country = '${home}'\nbase = { model = '${family}-base' }\nchat = { model = '${family}-chat' }\n`;
  for (const stage of ["base", "chat"]) {
    const opinion = countries.map((_, c) => (stage === "chat" ? 1.5 * noise() + (c === 2 ? f / 3 - 0.5 : 0) : 0.1 * noise()));
    for (const language of family === "yi" ? ["zh"] : ["en", "fr", "zh"])
      for (const condition of ["main", "hedge_off", "fewshot_off", "phrasing_alt1"])
        types.forEach((type, t) => {
          if (condition === "fewshot_off" && t > 2) return;
          for (let v = 1; v <= 2; v += 1)
            for (let one = 0; one < countries.length; one += 1)
              for (let two = one + 1; two < countries.length; two += 1)
                for (const [question, sign] of [["justified", 1], ["unjustified", -1]]) {
                  const bias = sign * (opinion[one] - opinion[two]) + noise() * (stage === "chat" ? 1 : 0.2);
                  const role = 0.5 + noise();
                  const compliance = family === "baichuan" && stage === "base" ? 0.05 : family === "gemma" ? 0.9 : 0.99;
                  rows.push([`${family}-${stage}`, language, condition, countries[one], countries[two], `${type}_v${v}`, type, question, bias + role, bias - role, bias, compliance].join(","));
                }
        });
  }
});
writeFileSync(items, rows.join("\n") + "\n");
writeFileSync(settings, toml);
