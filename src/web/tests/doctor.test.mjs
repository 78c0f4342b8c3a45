// The page of the doctor in a browser: the built command makes it of a file of weights that is written here.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test as always } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromiumPath, launch, noChromium, tooWide } from './browser.mjs';

const sources = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const tool = process.env.EVENKEEL_TOOL ?? join(sources, 'Evenkeel.Cli', 'bin', 'Release', 'net10.0', 'Evenkeel.Cli.dll');
const folder = mkdtempSync(join(tmpdir(), 'evenkeel-doctor-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const skip = chromiumPath === null ? noChromium : !existsSync(tool) ? `no command at ${tool}: build it with -c Release first` : false;
const pictures = process.env.EVENKEEL_PICTURES;

/** A file of weights: convolutions with norms behind them, one of which has a variance that is not a number. */
function writeWeights(path) {
  const tensors = {};
  for (let i = 0; i < 5; i++) {
    const wave = (count, least, size) => Float32Array.from({ length: count }, (_, k) => least + size * (1 + Math.sin(k * 1.7 + i)));
    tensors[`features.block${i}.conv.weight`] = [[16, 8, 3, 3], wave(16 * 72, -0.2, 0.2)];
    tensors[`features.block${i}.bn.weight`] = [[16], wave(16, 0.5, 0.7)];
    tensors[`features.block${i}.bn.bias`] = [[16], wave(16, -0.5, 0.5)];
    tensors[`features.block${i}.bn.running_mean`] = [[16], wave(16, -1, 1)];
    tensors[`features.block${i}.bn.running_var`] = [[16], wave(16, 0.1, 2)];
  }
  tensors['features.block2.bn.running_var'][1][3] = NaN;
  const header = {};
  let offset = 0;
  for (const [name, [shape, values]] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset += values.byteLength] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, ...Object.values(tensors).map(([, values]) => Buffer.from(values.buffer))]));
}

describe('the page of the doctor', { timeout: 120_000 }, () => {
  const file = join(folder, 'weights.safetensors');
  const made = join(folder, 'doctor.html');
  let browser;
  const test = (name, body) => always(name, { skip }, body);
  before(async () => {
    if (skip) return;
    writeWeights(file);
    const doctor = spawnSync('dotnet', [tool, 'doctor', file, '--page', made], { encoding: 'utf8' });
    assert.equal(doctor.status, 1, doctor.stderr);
    browser = await launch();
  });
  after(async () => browser?.close());

  async function open(options, use) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, colorScheme: 'light', ...options });
    const page = await context.newPage();
    const complaints = [];
    page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
    page.on('request', request => !/^(file|data):/.test(request.url()) && complaints.push(`request of ${request.url()}`));
    try {
      await page.goto(pathToFileURL(made).href);
      await use(page);
      assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  }

  const saved = async (page, name) => {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  };
  const paper = page => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

  test('the network is a column of its layers, with findings beside them', () => open({}, async page => {
    assert.equal(await page.locator('li.layer').count(), 10);
    const ill = page.locator('li.layer.is-error');
    assert.equal(await ill.count(), 1);
    const layer = await ill.boundingBox();
    const finding = await ill.locator('.findings article').first().boundingBox();
    assert.ok(finding.x > layer.x + layer.width / 2, 'the finding stands at the right');
    assert.ok(finding.y < layer.y + 20, 'the finding begins where its layer does');
    await saved(page, 'doctor-wide');
  }));

  test('a phone shows all of it without scrolling sideways', () => open({ viewport: { width: 390, height: 800 } }, async page => {
    assert.deepEqual(await tooWide(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 390));
    await saved(page, 'doctor-phone');
  }));

  test('the colours follow the system and the choice, without a script', () => open({ colorScheme: 'dark', javaScriptEnabled: true }, async page => {
    const dark = await paper(page);
    await page.getByText('Light', { exact: true }).click();
    const light = await paper(page);
    assert.notEqual(light, dark);
    await page.getByText('Dark', { exact: true }).click();
    assert.equal(await paper(page), dark);
    await saved(page, 'doctor-dark');
  }));

  test('on paper findings stand beside their layers, on white', () => open({ viewport: { width: 700, height: 1000 } }, async page => {
    await page.emulateMedia({ media: 'print' });
    assert.equal(await paper(page), 'rgb(255, 255, 255)');
    assert.equal(await page.locator('fieldset.themes').isVisible(), false);
    await saved(page, 'doctor-print');
  }));
});
