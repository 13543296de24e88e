/** The addon of the system that runs the tests, which is Linux or macOS also where the fleets run elsewhere. */

import { native as binding } from '../../lib/addon/binding.cjs';
import { posix } from '../../lib/addon/narrow.cjs';

export const native = posix(binding);
