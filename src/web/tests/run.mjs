// node tests/run.mjs [PAGE]: all tests of the web part, on PAGE or on the fixture. The last line counts them.
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
if (process.argv[2]) process.env.EVENKEEL_PAGE = resolve(process.argv[2]);

const count = { passed: 0, failed: 0, skipped: 0 };
const isTest = data => data.details?.type !== 'suite';
const stream = run({ files: readdirSync(folder).filter(name => name.endsWith('.test.mjs')).map(name => join(folder, name)), concurrency: 1 });
stream.on('test:pass', data => {
  if (isTest(data)) count[data.skip === undefined ? 'passed' : 'skipped']++;
});
stream.on('test:fail', data => {
  if (isTest(data)) count.failed++;
});
const reporter = new spec();
stream.compose(reporter).pipe(process.stdout);
process.on('exit', () => {
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  process.exitCode = count.failed > 0 || count.passed + count.skipped === 0 ? 1 : 0;
});
