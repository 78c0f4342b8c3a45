// Builds the script of a page: fetches the packages if need be, checks the types, bundles, and adds the licences the bundle must carry.
// Called by web.targets with the file to write, which is named after the page (report.js is made of src/report.ts); `--packages` only fetches the packages. Exit code 3: could not try (no network, Node too old).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = dirname(fileURLToPath(import.meta.url));
const cannotTry = 3;

function read(...path) {
  return readFileSync(join(web, ...path), 'utf8');
}

/** Two builds may run at once (two configurations, a build and its tests): the second waits here for the first. */
function lock() {
  const path = join(web, '.building');
  for (;;) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      process.on('exit', () => rmSync(path, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!holderLives(path)) rmSync(path, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function holderLives(path) {
  let holder;
  try {
    // No build takes so long: the holder was killed, and its number may be another process's by now.
    if (Date.now() - statSync(path).mtimeMs > 10 * 60_000) return false;
    holder = Number(readFileSync(path, 'utf8'));
  } catch {
    return false; // It has just finished.
  }
  // An empty file: the holder is about to write its number.
  if (holder === 0) return true;
  try {
    process.kill(holder, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** `npm ci`, if the packages here are not those of package.json and its lock file. */
function fetchPackages() {
  const stamp = join(web, 'node_modules', '.evenkeel-stamp');
  const wanted = createHash('sha256').update(read('package.json')).update(read('package-lock.json')).digest('hex');
  try {
    if (readFileSync(stamp, 'utf8') === wanted) return;
  } catch {
    // Never fetched, or not to the end.
  }
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error', '--prefer-offline', '--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=60000'], {
    cwd: web, encoding: 'utf8', shell: process.platform === 'win32',
  });
  if (npm.status !== 0) {
    console.log(`The packages of the web part could not be fetched: npm ci ${npm.error ? `did not start (${npm.error.code})` : `ended with ${npm.status}`}.`);
    // Not in npm's own words "npm error": MSBuild would take them for errors of the build.
    console.log((npm.stderr ?? '').trim().split('\n').slice(0, 4).map(line => line.replace(/^npm \w+/, '  npm |')).join('\n'));
    process.exit(cannotTry);
  }
  writeFileSync(stamp, wanted);
}

/** What the licences of the bundled packages ask to be handed on with it; tslib's asks for nothing. */
function notices() {
  const part = (title, ...texts) => [title, ...texts.map(text => text.trim())].join('\n\n');
  const echarts = read('node_modules', 'echarts', 'LICENSE').replace(/\n={20,}\nApache ECharts Subcomponents:[^]*$/, '').replace(/\n[ \t]*\n([ \t]*\n)+/g, '\n\n');
  return [
    'Third-party software in this script, minified:',
    part('Apache ECharts', read('node_modules', 'echarts', 'NOTICE'), echarts),
    part('ZRender', read('node_modules', 'zrender', 'LICENSE')),
    part('A function of d3.js, in ECharts', read('node_modules', 'echarts', 'licenses', 'LICENSE-d3')),
  ].join(`\n\n${'-'.repeat(80)}\n\n`).replaceAll('*/', '* /');
}

async function bundle(output) {
  // Called from the folder of the sources, tsc names the files as a build error should.
  const sources = dirname(web);
  const types = spawnSync(process.execPath, [join(web, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', relative(sources, web), '--pretty', 'false'], {
    cwd: sources, stdio: 'inherit',
  });
  if (types.status !== 0) process.exit(1);

  const esbuild = await import('esbuild');
  const result = await esbuild.build({
    entryPoints: [join(web, 'src', `${basename(output, '.js')}.ts`)], bundle: true, minify: true, format: 'iife', target: 'es2022', charset: 'utf8', legalComments: 'none', write: false,
  });
  const text = `${result.outputFiles[0].text}/*!\n${notices()}\n*/\n`;
  if (/<\/script|<!--/i.test(text)) throw new Error('The bundle holds text that would end the script element it is put into.');
  mkdirSync(dirname(output), { recursive: true });
  const unfinished = `${output}.${process.pid}`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, output);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.log(`The web part needs Node 20 or newer; this is ${process.versions.node}.`);
  process.exit(cannotTry);
}
lock();
fetchPackages();
const outputs = process.argv.length > 2 ? process.argv.slice(2) : [join(web, '..', 'Evenkeel.Lab', 'obj', 'web', 'report.js'), join(web, '..', 'Evenkeel.Workbench', 'obj', 'web', 'watch.js')];
if (outputs[0] !== '--packages') for (const output of outputs) await bundle(resolve(output));
