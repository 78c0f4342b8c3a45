// The live page in a browser: a fake training writes its folder, the built command serves it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test as always } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromiumPath, launch, noChromium, tooWide } from './browser.mjs';
import { evaluation, FakeRun } from './fixture/run.mjs';

const sources = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const tool = process.env.EVENKEEL_TOOL ?? join(sources, 'Evenkeel.Cli', 'bin', 'Release', 'net10.0', 'Evenkeel.Cli.dll');
const folder = mkdtempSync(join(tmpdir(), 'evenkeel-watch-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const skip = chromiumPath === null ? noChromium : !existsSync(tool) ? `no command at ${tool}: build it with -c Release first` : false;

/** Where the screenshots go, if anybody wants them. */
const pictures = process.env.EVENKEEL_PICTURES;

async function freePort() {
  const server = createServer();
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise(done => server.close(done));
  return port;
}

/** Starts evenkeel watch, and waits until it says its address. */
async function watch(port, ...runs) {
  const process = spawn('dotnet', [tool, 'watch', ...runs, '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  process.stderr.on('data', data => { errors += data; });
  const url = await new Promise((done, fail) => {
    process.stdout.once('data', data => done(String(data).trim()));
    process.once('exit', code => fail(new Error(`evenkeel watch ended with ${code}: ${errors}`)));
  });
  const ended = new Promise(done => process.once('exit', (code, signal) => done(code ?? signal)));
  return { url, end: signal => { process.kill(signal); return ended; } };
}

describe('the live page', { timeout: 240_000 }, () => {
  let browser;
  let count = 0;
  const test = (name, body) => always(name, { skip }, body);
  before(async () => { if (!skip) browser = await launch(); });
  after(async () => browser?.close());

  const fakeRun = options => new FakeRun(join(folder, `run-${++count}`), options);

  async function open(url, options, use, { quiet = true } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'light', ...options });
    const page = await context.newPage();
    const complaints = [];
    page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(String(error)));
    page.on('request', request => !request.url().startsWith(url) && !/^(data|blob):/.test(request.url()) && complaints.push(`request of ${request.url()}`));
    try {
      await page.goto(url);
      await use(page);
      if (quiet) assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  }

  const stepsOf = page => page.evaluate(() => Number(document.documentElement.dataset.steps));
  const shows = (page, steps) => page.waitForFunction(steps => Number(document.documentElement.dataset.steps) === steps, steps, { timeout: 15_000 });
  const pictureOf = plot => plot.locator('canvas').first().evaluate(canvas => canvas.toDataURL());
  const saved = async (page, name) => {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  };

  test('the curve grows while the training runs', async () => {
    const run = fakeRun();
    run.train(100);
    const server = await watch(await freePort(), run.folder);
    await open(server.url, {}, async page => {
      await shows(page, 100);
      const plot = page.locator('#chart-loss .plot[data-drawn]');
      const before = await pictureOf(plot);
      run.train(60);
      await shows(page, 160);
      assert.notEqual(await pictureOf(plot), before);
      assert.match(await page.locator('.now-card').innerText(), /160 of 480/);
      assert.match(await page.locator('.now-card').innerText(), /\d+ s/);
      assert.match(await page.locator('.fragment').innerText(), /step 160/);
    });
    assert.equal(await server.end('SIGINT'), 0);
  });

  const noisy = ['EK308', 'warning', 'norm1', 'The statistics of norm1 scatter by 62 % from batch to batch.', 'Use larger batches or MicroBatches.'];
  const faster = ['EK303', 'note', 'conv2', 'The scale of <conv2.weight> does not count, and it has shrunk by a factor of 4.', 'Lower the weight decay.'];

  test('findings come as they arise, go with the steps that a resumed training takes back, and stay in the end', async () => {
    const run = fakeRun();
    run.train(50);
    const server = await watch(await freePort(), run.folder);
    await open(server.url, {}, async page => {
      await shows(page, 50);
      const list = page.locator('#run-0 .findings li');
      assert.equal(await list.count(), 0);
      run.find(...noisy);
      await list.first().waitFor();
      assert.match(await list.first().innerText(), /warning\s+EK308 norm1\s+step 50\s+The statistics of norm1 scatter by 62 %.*\s+Use larger/);
      run.train(10);
      run.find(...faster);
      await page.getByText('The doctor: 1 warning, 1 note').waitFor();
      assert.match(await list.nth(1).innerText(), /<conv2.weight>/);
      const path = join(run.folder, 'live.jsonl');
      const kept = readFileSync(path, 'utf8').split('\n').filter(line => line && JSON.parse(line).step <= 50);
      writeFileSync(path, `${kept.join('\n')}\n`);
      await page.getByText('The doctor: 1 warning', { exact: true }).waitFor();
      assert.equal(await list.count(), 1);
      run.train(1);
      run.end(evaluation);
      await page.getByText('completed').first().waitFor();
      assert.equal(await list.count(), 1);
    });
    await open(server.url, { javaScriptEnabled: false }, async page => {
      assert.equal(await page.locator('.findings li').count(), 2);
      assert.match(await page.locator('.findings').innerText(), /EK308 norm1/);
    });
    await server.end('SIGINT');
  });

  test('a reload shows the same', async () => {
    const run = fakeRun();
    run.train(90);
    const server = await watch(await freePort(), run.folder);
    await open(server.url, {}, async page => {
      await shows(page, 90);
      await page.reload();
      await shows(page, 90);
    });
    await server.end('SIGINT');
  });

  test('the page goes on after the server was killed and started again, without gaps or doubles', async () => {
    const run = fakeRun();
    run.train(50);
    const port = await freePort();
    let server = await watch(port, run.folder);
    await open(server.url, {}, async page => {
      await shows(page, 50);
      await server.end('SIGKILL');
      await page.locator('#connection[data-kind=lost]').waitFor();
      run.train(30);
      server = await watch(port, run.folder);
      await shows(page, 80);
      await page.locator('#connection[data-kind=live]').waitFor();
      run.train(10);
      await shows(page, 90);
    }, { quiet: false });
    await server.end('SIGINT');
  });

  test('a resumed training takes back what it had not kept', async () => {
    const run = fakeRun();
    run.train(50);
    const server = await watch(await freePort(), run.folder);
    await open(server.url, {}, async page => {
      await shows(page, 50);
      const path = join(run.folder, 'live.jsonl');
      const kept = readFileSync(path, 'utf8').split('\n').filter(line => line && JSON.parse(line).step <= 40);
      writeFileSync(path, `${kept.join('\n')}\n`);
      await shows(page, 40);
    });
    await server.end('SIGINT');
  });

  test('follows a real training that is killed and resumed', async () => {
    const table = join(folder, 'table.csv');
    const rows = Array.from({ length: 6000 }, (_, i) => {
      const [a, b] = [Math.sin(i * 12.9898), Math.sin(i * 78.233)];
      return `${a.toFixed(4)},${b.toFixed(4)},${a * b > 0 ? 'yes' : 'no'}`;
    });
    writeFileSync(table, ['a,b,answer', ...rows, ''].join('\n'));
    const run = join(folder, 'real');
    const train = (...words) => spawn('dotnet', [tool, 'train', ...words], { stdio: 'ignore' });
    const ended = process => new Promise(done => process.once('exit', (code, signal) => done(code ?? signal)));
    const checkpoint = () => existsSync(join(run, 'checkpoints')) && readdirSync(join(run, 'checkpoints')).some(name => name.startsWith('step-'));
    const training = train('--data', table, '--target', 'answer', '--model', 'mlp:256,256', '--epochs', '80', '--save-every', '1', '--out', folder, '--name', 'real');
    const killed = ended(training);
    while (!checkpoint()) {
      assert.equal(training.exitCode, null, 'the training ended before its first checkpoint');
      await new Promise(done => setTimeout(done, 50));
    }
    const server = await watch(await freePort(), run);
    await open(server.url, {}, async page => {
      await page.waitForFunction(() => Number(document.documentElement.dataset.steps) > 0, null, { timeout: 15_000 });
      training.kill('SIGKILL');
      assert.equal(await killed, 'SIGKILL');
      const before = await stepsOf(page);
      assert.equal(await ended(train('--resume', run)), 0);
      await page.waitForFunction(before => Number(document.documentElement.dataset.steps) > before, before, { timeout: 15_000 });
      await page.getByText('completed').first().waitFor({ timeout: 15_000 });
    });
    await server.end('SIGINT');
  });

  test('several runs are drawn into one chart, each with its name', async () => {
    const [first, second] = [fakeRun({ name: 'batch' }), fakeRun({ name: 'none', speed: 0.5 })];
    first.train(200);
    second.train(120);
    const server = await watch(await freePort(), first.folder, second.folder);
    await open(server.url, {}, async page => {
      await shows(page, 320);
      assert.ok(await page.locator('#chart-loss .key').count() >= 2);
      assert.equal(await page.locator('.now-card').count(), 2);
      await saved(page, 'two-runs-1280-light');
    });
    await server.end('SIGINT');
  });

  test('fits a phone and a desk, in light and dark, and can be used by keyboard', async () => {
    const run = fakeRun();
    run.train(120);
    run.find(...noisy);
    run.find(...faster);
    run.train(180);
    run.end(evaluation);
    const server = await watch(await freePort(), run.folder);
    for (const width of [390, 1280]) {
      for (const colorScheme of ['light', 'dark']) {
        await open(server.url, { viewport: { width, height: 900 }, colorScheme }, async page => {
          await shows(page, 300);
          for (const plot of await page.locator('.plot').all()) await plot.scrollIntoViewIfNeeded();
          await page.waitForFunction(() => [...document.querySelectorAll('.plot')].every(plot => plot.dataset.drawn));
          if (width === 390) assert.deepEqual(await tooWide(page), []);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width);
          assert.ok(await page.locator('table.confusion').isVisible());
          assert.equal(await page.locator('ul.mistakes img').count(), 10);
          await saved(page, `run-${width}-${colorScheme}`);
          const strip = page.locator('.strip canvas').first();
          await strip.focus();
          await page.keyboard.press('ArrowDown');
          await page.keyboard.press('ArrowDown');
          assert.match(await page.locator('.strip-readout').first().innerText(), /norm1 BatchNorm2d, step 300: \d/);
          const nameless = await page.evaluate(() => [
            ...[...document.querySelectorAll('button')].filter(button => !(button.ariaLabel ?? button.textContent).trim()),
            ...[...document.querySelectorAll('[role=img]')].filter(image => !image.getAttribute('aria-label')),
          ].map(element => element.outerHTML.slice(0, 80)));
          assert.deepEqual(nameless, []);
          assert.equal(await page.locator('h1').count(), 1);
        });
      }
    }
    await server.end('SIGINT');
  });

  test('has its tables without scripts', async () => {
    const run = fakeRun();
    run.train(80);
    run.end(evaluation);
    const server = await watch(await freePort(), run.folder);
    await open(server.url, { javaScriptEnabled: false }, async page => {
      assert.ok(await page.locator('table.confusion').isVisible());
      assert.match(await page.locator('.epochs').innerText(), /validation accuracy/i);
    });
    await server.end('SIGINT');
  });

  test('prints in light colours', async () => {
    const run = fakeRun();
    run.train(80);
    const server = await watch(await freePort(), run.folder);
    await open(server.url, { colorScheme: 'dark' }, async page => {
      await shows(page, 80);
      const pdf = await page.pdf({ format: 'A4' });
      assert.ok(pdf.length > 20_000);
      if (pictures) writeFileSync(join(pictures, 'print.pdf'), pdf);
    });
    await server.end('SIGINT');
  });
});
