// The addon for Windows: the prebuilt one if there is one, because build/Release may be that of another system.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const places = [`prebuilds/${process.platform}-${process.arch}`, 'build/Release'];
const files = places.map((place) => fileURLToPath(new URL(`../../${place}/prefork.node`, import.meta.url)));

/** @type {import('../../lib/addon/native-windows.cjs').WindowsAddon} */
export const native = createRequire(import.meta.url)(files.find((file) => existsSync(file)) ?? files[0]);
