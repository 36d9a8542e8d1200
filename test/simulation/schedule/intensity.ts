/** How rough a run is. A third of the seeds each: rare faults hide bugs that a storm of them covers up, and the reverse. */
export const intensities = {
  gentle: { kinds: 0.08, rate: [0.005, 0.05], disturbances: [0, 2], disturbanceKinds: 0.3, engine: 0.25 },
  medium: { kinds: 0.22, rate: [0.02, 0.2], disturbances: [1, 6], disturbanceKinds: 0.45, engine: 0.6 },
  wild: { kinds: 0.45, rate: [0.05, 0.45], disturbances: [4, 14], disturbanceKinds: 0.7, engine: 0.9 },
} as const satisfies Record<string, Intensity>;

/** What a rough run has more of. */
export interface Intensity {
  /** Probability with which each kind of fault is part of the run. */
  kinds: number;
  /** From which and to which probability a fault strikes. */
  rate: readonly [number, number];
  /** How many disturbances. */
  disturbances: readonly [number, number];
  /** Probability with which each kind of disturbance is part of the run. */
  disturbanceKinds: number;
  /** Probability with which each weakness of the engine is part of the run. */
  engine: number;
}
