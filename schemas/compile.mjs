// Compiles schemas/unit.schema.json, by ajv, to a module that checks a unit file against it: dist/config/unit-schema.cjs.
// A part of the build, so that no start of the program loads ajv and compiles the schema again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';

/** They say nothing of what is valid; ajv would copy them into its code. */
const FOR_READERS = ['description', 'default', 'examples', 'errorMessage', 'title'];

/** @param {Record<string, any>} schema a schema, without what is there for people and editors */
function bare(schema) {
  const entries = Object.entries(schema).filter(([keyword]) => !FOR_READERS.includes(keyword));
  return Object.fromEntries(entries.map(([keyword, value]) => [keyword, bareValue(keyword, value)]));
}

/** @param {string} keyword @param {any} value */
function bareValue(keyword, value) {
  if (Array.isArray(value)) return value.map((item) => (isSchema(item) ? bare(item) : item));
  if (!isSchema(value)) return value;
  // Here the keys are names of fields, whatever they are called.
  if (keyword === 'properties' || keyword === '$defs') {
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, isSchema(field) ? bare(field) : field]),
    );
  }
  return bare(value);
}

/** @param {unknown} value */
function isSchema(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const root = new URL('../', import.meta.url);
const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true, code: { source: true } });
// uniqueItems is there for editors: ajv reports the first pair only and compares some lists in quadratic time.
ajv.removeKeyword('uniqueItems').addKeyword('uniqueItems');
const schema = JSON.parse(readFileSync(new URL('schemas/unit.schema.json', root), 'utf8'));
const code = standaloneCode.default(ajv, ajv.compile(bare(schema)));
if (process.argv[2] === '--print') process.stdout.write(code);
else {
  mkdirSync(new URL('dist/config/', root), { recursive: true });
  writeFileSync(new URL('dist/config/unit-schema.cjs', root), code);
}
