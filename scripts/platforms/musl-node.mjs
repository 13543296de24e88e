// Makes a Node that is linked with musl and runs on a Debian with glibc, for tests: Node itself comes out of an npm package that was built
// around one, the C++ library out of Debian's sources of GCC.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';
import { packageFolder } from '../tools/packages.mjs';

/** A single executable application; with the fuse off it is the Node 26 inside it. */
const CARRIER = '@pnpm/linuxstatic-x64@11.21.0';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1';
const GCC = '12';
const UNWANTED = ['testsuite/*/*', 'html/*'].map((path) => `--exclude=*/${path}`);
const WANTED = [
  ...['libstdc++-v3', 'libgcc', 'config', 'include', 'libiberty', 'config*', 'install-sh', 'ltmain.sh', 'missing'],
  ...['mkinstalldirs', 'move-if-change', 'depcomp', 'compile', 'gcc/BASE-VER', 'gcc/DATESTAMP', 'gcc/DEV-PHASE'],
].map((path) => `*/${path}`);

/** @returns the path of the program. The first call takes minutes. */
export function muslNode(cache) {
  const folder = join(cache, 'nodes', 'linux-x64-musl', '26');
  const node = join(folder, 'bin', 'node');
  if (existsSync(node)) return node;
  ensureCommands({
    'musl-gcc': 'musl-tools',
    patchelf: 'patchelf',
    strip: 'binutils',
    'g++': 'g++',
    make: 'make',
    xz: 'xz-utils',
  });
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.`);
  // Workers of other users run it, too.
  chmodSync(work, 0o755);
  try {
    const [bin, lib] = ['bin', 'lib'].map((name) => join(work, name));
    for (const path of [bin, lib]) mkdirSync(path);
    makeNode(join(bin, 'node'), join(folder, 'lib'), cache);
    const compiler = compilers(work);
    makeLibraries(work, lib, compiler);
    run(join(bin, 'node'), ['--version']);
    for (const name of ['sources', 'build', 'cc', 'c++']) rmSync(join(work, name), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return node;
}

function makeNode(file, lib, cache) {
  const program = readFileSync(join(packageFolder(CARRIER, { cache }), 'pnpm'));
  const at = program.indexOf(FUSE);
  if (at < 0) throw new Error(`${CARRIER} is no single executable application of Node any more`);
  program[at + FUSE.length - 1] = '0'.charCodeAt(0);
  writeFileSync(file, program, { mode: 0o755 });
  // The second is for copies of the program.
  run('patchelf', ['--set-rpath', `$ORIGIN/../lib:${lib}`, file]);
}

/** musl-gcc is for C; C++ needs the headers of musl behind those of libstdc++, and none of glibc. */
function compilers(work) {
  const specs = '-specs /usr/lib/x86_64-linux-musl/musl-gcc.specs';
  const headers = `-isystem /usr/include/x86_64-linux-musl -isystem /usr/lib/gcc/x86_64-linux-gnu/${GCC}/include`;
  const [cc, cxx] = ['cc', 'c++'].map((name) => join(work, name));
  writeFileSync(cc, `#!/bin/sh\nexec gcc-${GCC} ${specs} "$@"\n`, { mode: 0o755 });
  writeFileSync(cxx, `#!/bin/sh\nexec g++-${GCC} ${specs} -nostdinc "$@" ${headers}\n`, { mode: 0o755 });
  return { cc, cxx };
}

function makeLibraries(work, lib, { cc, cxx }) {
  const sources = join(work, 'sources');
  mkdirSync(sources);
  run('apt-get', ['download', `gcc-${GCC}-source`], sources);
  run('dpkg', ['-x', fileIn(sources, /\.deb$/), '.'], sources);
  const archive = fileIn(join(sources, 'usr', 'src', `gcc-${GCC}`), /\.tar\.xz$/);
  run('tar', ['xJf', archive, ...UNWANTED, '--wildcards', ...WANTED], sources);
  const gcc = fileIn(sources, /^gcc-[\d.]+$/);
  prepareSources(gcc);
  const build = join(work, 'build');
  mkdirSync(build);
  const env = { ...process.env, CC: cc, CXX: cxx, CFLAGS: '-O2', CXXFLAGS: '-O2' };
  const configure = [
    ...['--host=x86_64-linux-musl', '--build=x86_64-linux-gnu', '--disable-multilib', '--disable-nls'],
    ...['--disable-libstdcxx-pch', '--enable-shared', '--disable-static'],
  ];
  run(join(gcc, 'libstdc++-v3/configure'), configure, build, env);
  for (const part of ['include', 'libsupc++', 'src']) run('make', ['-j2', '-C', part], build, env);
  const cplusplus = join(lib, 'libstdc++.so.6');
  run('cp', ['-L', join(build, 'src/.libs/libstdc++.so.6'), cplusplus]);
  run('strip', [cplusplus]);
  // Debian's own library: musl takes the libc.so.6 that it names for itself.
  run('cp', ['-L', '/lib/x86_64-linux-gnu/libgcc_s.so.1', lib]);
  const shim = join(import.meta.dirname, 'musl-shim.cc');
  run(cxx, ['-shared', '-fPIC', '-O2', '-fno-exceptions', '-nostdlib', shim, '-o', join(lib, 'libshim.so')]);
  run('patchelf', ['--add-needed', 'libshim.so', cplusplus]);
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) run('patchelf', ['--set-rpath', '$ORIGIN', join(lib, name)]);
}

/** Placeholders for parts that configure expects and that were not unpacked, and threads without the weak symbols of glibc. */
function prepareSources(gcc) {
  for (const name of ['doc/xsl/customization.xsl.in', 'doc/Makefile.in', 'testsuite/Makefile.in']) {
    const file = join(gcc, 'libstdc++-v3', name);
    mkdirSync(dirname(file), { recursive: true });
    if (!existsSync(file)) writeFileSync(file, '');
  }
  run('ln', ['-sf', 'gthr-posix.h', 'libgcc/gthr-default.h'], gcc);
  const gthr = join(gcc, 'libgcc/gthr.h');
  const weak = '#if SUPPORTS_WEAK\n';
  const strong = `#undef GTHREAD_USE_WEAK\n#define GTHREAD_USE_WEAK 0\n${weak}`;
  writeFileSync(gthr, readFileSync(gthr, 'utf8').replace(weak, strong));
}

function fileIn(folder, pattern) {
  const name = readdirSync(folder).find((candidate) => pattern.test(candidate));
  if (name === undefined) throw new Error(`${folder} has no ${pattern}`);
  return join(folder, name);
}

function run(command, args, cwd, env = process.env) {
  execFileSync(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 28 });
}
