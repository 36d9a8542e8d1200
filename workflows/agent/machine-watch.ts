import { log } from '@temporalio/workflow';
import { silenceReason, takenAway, type Silence } from '../../domain/lease.ts';
import type { AgentObservation, LeaseInput } from '../../domain/messages.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';

/** What an agent knows of its machine while it is silent. */
export class MachineWatch {
  /** Azure may evict it. */
  spot = false;
  private readonly specification: Pick<PoolSpecification, 'machine' | 'retryLostJobs'>;
  private silence: Silence | undefined;

  constructor(specification: Pick<PoolSpecification, 'machine' | 'retryLostJobs'>) {
    this.specification = specification;
  }

  /** Takes an observation up; answers why the agent is silent, where that is news. */
  see({ online, machine }: AgentObservation): string | undefined {
    if (online) this.silence = undefined;
    if (online || !machine) return undefined;
    const { subscriptionId } = this.specification.machine;
    this.silence = { machine, subscriptionId, spot: this.spot };
    return silenceReason(this.silence);
  }

  /** What became of a machine that was taken away; it serves nobody any more. */
  taken(): string | undefined {
    return this.silence && takenAway(this.silence);
  }

  /**
   * What the lease of its job needs to tell the job's people.
   *
   * @param served job requests of this agent so far, this one included: a stateless agent has no second one
   */
  leaseNotes(served: readonly number[]): NonNullable<LeaseInput['notes']> {
    if (served.length > 1) log.error('a second job request on a used agent', { requests: served.join(', ') });
    const { machine, retryLostJobs } = this.specification;
    return {
      subscriptionId: machine.subscriptionId,
      ...(this.spot ? { spot: true } : {}),
      ...(retryLostJobs ? { retryLostJobs } : {}),
      ...(served.length > 1 ? { usedAgent: true } : {}),
    };
  }
}
