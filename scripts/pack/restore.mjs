// `postpack`, which npm runs when it has packed.
import { ROOT } from '../tools/paths.mjs';
import { giveBack } from './manifest.mjs';

giveBack(ROOT);
