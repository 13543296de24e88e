/** What two looks at a fleet say that one cannot: requests a second, and the share of a CPU. */

import type { AdminStatus, AdminWorker } from '../protocol/admin.js';
import type { Column } from './table.js';

export class Rates {
  add(_status: AdminStatus, _at: number): void {}

  columns(): readonly Column<AdminWorker>[] {
    return [];
  }
}
