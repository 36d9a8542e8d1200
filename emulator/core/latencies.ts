import type { Chance, Latencies, LatencyName } from './context.ts';
import { normal } from './chance.ts';

/** Log-normal: half of the draws are below `medianMs`; `spread` is the deviation of the logarithm. */
export interface Distribution {
  medianMs: number;
  spread: number;
  /** No draw is above this. */
  longestMs: number;
  source: string;
}

/**
 * How long the real cloud takes, as far as public sources tell. Where none does, the figure is marked as an assumption:
 * it decides how long a test waits, never whether it passes.
 */
export const distributions: Record<LatencyName, Distribution> = {
  createMachine: {
    medianMs: 38_000,
    spread: 0.28,
    longestMs: 180_000,
    source: 'Published measurements of Linux VM creation on Azure report 25 to 60 s until the operation has succeeded.',
  },
  deleteMachine: {
    medianMs: 45_000,
    spread: 0.3,
    longestMs: 240_000,
    source: 'Assumption: forced deletion with NIC and disk, as seen in logs of public node autoscalers.',
  },
  deallocateMachine: {
    medianMs: 35_000,
    spread: 0.35,
    longestMs: 180_000,
    source: 'Assumption: with the guest shut down.',
  },
  startMachine: {
    medianMs: 25_000,
    spread: 0.3,
    longestMs: 180_000,
    source: 'Assumption: a create without its disk copy.',
  },
  reimageMachine: { medianMs: 40_000, spread: 0.3, longestMs: 240_000, source: 'Assumption: as long as a create.' },
  bootToAgent: {
    medianMs: 30_000,
    spread: 0.25,
    longestMs: 180_000,
    source: 'Assumption: cloud-init and the start of the agent on an image that has the agent.',
  },
  assignJob: { medianMs: 550, spread: 0.45, longestMs: 5_000, source: 'Assumption: 0.3 to 1 s in most cases.' },
  receiveJob: { medianMs: 1_000, spread: 0.5, longestMs: 8_000, source: 'Assumption: 0.5 to 2 s in most cases.' },
  armCall: { medianMs: 120, spread: 0.5, longestMs: 3_000, source: 'Assumption: an ARM call from the same region.' },
  azureDevOpsCall: { medianMs: 80, spread: 0.5, longestMs: 3_000, source: 'Assumption: a call from the same region.' },
};

/** Latencies whose scale the control interface may change. */
export interface AdjustableLatencies extends Latencies {
  scale: number;
}

/** Draws from `distributions`, times `scale` (above 0; 1 is as slow as the real cloud). */
export function createLatencies(chance: Chance, scale: number): AdjustableLatencies {
  if (!(scale > 0) || !Number.isFinite(scale)) {
    throw new RangeError(`The scale of the latencies must be a number above 0; ${String(scale)} is not.`);
  }
  return {
    scale,
    sample(name) {
      const { medianMs, spread, longestMs } = distributions[name];
      return Math.min(medianMs * Math.exp(spread * normal(chance)), longestMs) * this.scale;
    },
  };
}
